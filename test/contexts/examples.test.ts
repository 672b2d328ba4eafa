import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { renderExplanation } from '../../src/contexts/explain-text.ts';
import { localWorld } from '../../src/contexts/resolve/local-world.ts';
import { asked, madeUp, request } from '../../src/contexts/resolve/made-up.ts';
import { explainTask } from '../../src/explaining.ts';
import { localHost } from '../../src/hosts/local.ts';
import { EXAMPLES, type Example } from './examples.ts';

const PAGE = fileURLToPath(new URL('../../docs/contexts.md', import.meta.url));
const MARK = '<!-- Below: made by `npx vitest run test/contexts/examples.test.ts -u`. -->\n';

test('the examples of docs/contexts.md are what berth explain prints', async () => {
  const [rules = ''] = readFileSync(PAGE, 'utf8').split(MARK);
  const sections: string[] = [];
  for (const [at, example] of EXAMPLES.entries()) sections.push(await section(example, at + 1));

  await expect(`${rules}${MARK}\n${sections.join('\n\n')}\n`).toMatchFileSnapshot(PAGE);
});

async function section(example: Example, number: number): Promise<string> {
  const [[path, text] = ['', '']] = Object.entries(example.files);
  return [
    `### ${number}. ${example.title}`,
    example.text,
    `\`${path}\`:`,
    `\`\`\`\n${text.trimEnd()}\n\`\`\``,
    `In \`${['/home/ann/shop', example.cwd].filter(Boolean).join('/')}\`, \`${example.typed}\`:`,
    `\`\`\`text\n${await explained(example)}\n\`\`\``,
  ].join('\n\n');
}

/** Real files are read; only what runs is made up, so that the page is the same on every machine. */
async function explained(example: Example): Promise<string> {
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'berth-example-')));
  const dir = join(top, 'shop');
  try {
    for (const [path, text] of Object.entries({ '.git/HEAD': 'ref: refs/heads/main\n', ...example.files })) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), text);
    }
    const images = Object.fromEntries((example.images ?? []).map((name) => [name, { workingDir: '/' }]));
    const engines = madeUp({ docker: example.runs(dir), podman: 'silent', images });
    const world = localWorld({
      host: localHost(),
      environment: { HOME: top },
      home: join(top, 'state'),
      inspector: engines.inspector,
      probe: engines.probe,
      dryRun: true,
    });
    const options = { ...asked(), ...example.options };
    const explanation = await explainTask({
      world,
      request: request(join(dir, example.cwd ?? ''), { container: options }),
      payload: { kind: 'argv', argv: example.task },
      runAs: async () => ({ user: '1000:1000', home: '/tmp', keepId: false }),
    });
    const shown = JSON.stringify(explanation).replaceAll(dir, '/home/ann/shop');
    return renderExplanation(JSON.parse(shown), 100);
  } finally {
    rmSync(top, { recursive: true });
  }
}
