import { testSeeds } from './testing/clean-seeds.js';

testSeeds(1001, 2000);
