/** The policy, and what is wrong with one, in JSON. */
import { z } from '@hono/zod-openapi';
import { timeSchema } from './common.js';

export const policyProblemSchema = z
  .object({
    line: z.int().nullable().openapi({ description: 'From 1; null: of the text as a whole' }),
    column: z.int().nullable(),
    problem: z.string(),
  })
  .readonly()
  .openapi('PolicyProblem');

const problems = z.array(policyProblemSchema).readonly();
const warnings = z.array(z.string()).readonly();
const countsShape = {
  rules: z.int(),
  groups: z.int(),
  tags: z.int(),
  sshRules: z.int(),
  tests: z.int(),
};

export const policyTextSchema = z
  .strictObject({
    text: z.string().openapi({
      description: 'HuJSON: JSON in which comments and trailing commas are allowed',
      example: '{ "acls": [] }',
    }),
  })
  .openapi('PolicyText');

export const policyCheckSchema = z
  .object({
    ...countsShape,
    valid: z.boolean().openapi({ description: 'False: it would be refused, for its problems' }),
    problems,
    warnings: warnings.openapi({ description: 'What is allowed and probably not meant' }),
    nodes: z.int().nullable().openapi({ description: 'Machines it was tried on; null: on none' }),
    pairs: z.int().nullable().openapi({ description: 'Pairs of them that would see each other' }),
  })
  .readonly()
  .openapi('PolicyCheck');

export const policySchema = z
  .object({
    ...countsShape,
    file: z.string().nullable().openapi({
      description: 'The file that it follows; null: it is set here, and kept in the database',
    }),
    acceptedAt: timeSchema.nullable(),
    text: z.string().nullable().openapi({
      description: 'As accepted; null: there is no policy, everybody may talk to everybody',
    }),
    problems: problems.openapi({
      description: 'Why the file as it is now does not hold; empty: it does',
    }),
    warnings,
  })
  .readonly()
  .openapi('Policy');
