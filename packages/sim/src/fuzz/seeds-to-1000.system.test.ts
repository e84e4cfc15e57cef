import { testSeeds } from './testing/clean-seeds.js';

testSeeds(1, 1000);
