import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// No test may see the developer's own queue, configuration or locale.
process.env.BERTH_HOME = mkdtempSync(join(tmpdir(), 'berth-test-home-'));
process.env.XDG_CONFIG_HOME = mkdtempSync(join(tmpdir(), 'berth-test-config-'));
process.env.LC_ALL = 'C.UTF-8';
for (const name of Object.keys(process.env)) {
  if (/^(COMPOSE_|DOCKER_DEFAULT|BERTH_(?!HOME|TEST_|ENGINE))/.test(name)) delete process.env[name];
}
