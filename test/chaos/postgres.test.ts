import { describeWith } from '../support/engines.ts';
import { postgresPlace } from './places.ts';
import { survivesChaos } from './stories.ts';

describeWith(['postgres'], 'chaos on a PostgreSQL that crashes', () => survivesChaos(postgresPlace));
