// Writes berth.schema.json from the schema in src/contexts/project-schema.ts.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
// inside the checkout, so that the bundle finds the packages that it leaves out
const directory = await mkdtemp(join(root, 'node_modules', '.berth-schema-'));
try {
  const outfile = join(directory, 'schema.mjs');
  await build({
    entryPoints: [join(root, 'src/contexts/project-schema.ts')],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
  });
  const { projectJsonSchema } = await import(pathToFileURL(outfile).href);
  await writeFile(join(root, 'berth.schema.json'), `${JSON.stringify(projectJsonSchema(), null, 2)}\n`);
} finally {
  await rm(directory, { recursive: true });
}
