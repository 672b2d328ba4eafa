import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { detectContainerContext } from '../src/contexts/detect.ts';

const GOAL_MS = 5;
const RUNS = 200;
const COMPOSE = 'services:\n  web:\n    build: .\n    volumes: [".:/app"]\n  db:\n    image: postgres:16\n';

/** How the 20,000 files of a project lie: spread over packages, or nearly all in one directory. */
const SHAPES = {
  'Compose project, 20,000 files in 400 directories': (root: string) => {
    spread(root, { directories: 400, files: 50 });
    writeFileSync(join(root, 'compose.yaml'), COMPOSE);
  },
  'no container files, 20,000 files in 400 directories': (root: string) => {
    spread(root, { directories: 400, files: 50 });
  },
  'no container files, 2,000 YAML files among 20,000': (root: string) => {
    spread(root, { directories: 360, files: 50 });
    mkdirSync(join(root, 'deploy'));
    for (let i = 0; i < 2000; i++) {
      writeFileSync(join(root, 'deploy', `s${i}.yaml`), `kind: Settings\n${'value: 1\n'.repeat(100)}`);
    }
  },
  'Dockerfile, 20,000 files in one directory': (root: string) => {
    for (let i = 0; i < 20_000; i++) writeFileSync(join(root, `file-${i}.txt`), '');
    writeFileSync(join(root, 'Dockerfile'), 'FROM alpine\n');
  },
};

for (const [name, make] of Object.entries(SHAPES)) {
  const root = mkdtempSync(join(tmpdir(), 'berth-bench-'));
  try {
    make(root);
    mkdirSync(join(root, '.git'));
    const times: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const start = performance.now();
      await detectContainerContext(root, { environment: {} });
      times.push(performance.now() - start);
    }
    const [first = 0] = times;
    times.sort((a, b) => a - b);
    const median = times[RUNS / 2] ?? 0;
    const verdict = median <= GOAL_MS ? 'ok' : 'TOO SLOW';
    const p95 = times[Math.floor(RUNS * 0.95)] ?? 0;
    console.log(
      `detect: ${name}: median ${median.toFixed(2)} ms, 95% ${p95.toFixed(2)} ms, first ${first.toFixed(1)} ms (goal ${GOAL_MS} ms: ${verdict})`,
    );
  } finally {
    rmSync(root, { recursive: true });
  }
}

function spread(
  root: string,
  { directories, files }: { readonly directories: number; readonly files: number },
): void {
  for (let d = 0; d < directories; d++) {
    const dir = join(root, 'packages', `package-${d}`, 'src');
    mkdirSync(dir, { recursive: true });
    for (let f = 0; f < files; f++) writeFileSync(join(dir, `module-${f}.ts`), '');
  }
}
