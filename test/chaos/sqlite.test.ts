import { describe } from 'vitest';
import { sqlitePlace } from './places.ts';
import { survivesChaos } from './stories.ts';

describe('chaos on SQLite', () => survivesChaos(sqlitePlace));
