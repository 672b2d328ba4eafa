import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';

/**
 * Loads the CommonJS files of a folder, each once, with the code that V8 made of them in an earlier process:
 * that saves a quarter of what a short verb costs. From Node 22.8 on `module.enableCompileCache` does much the
 * same; this is for Node 20 too.
 *
 * @param folder  absolute path
 * @param cache   folder of the compiled code, made at need; null keeps none
 * @returns       what a file exports, by its name: `./program.js`
 */
export function compiledLoader(folder: string, cache: string | null): (name: string) => unknown {
  const loaded = new Map<string, { exports: unknown }>();
  const load = (name: string): unknown => {
    const known = loaded.get(name);
    if (known) return known.exports;
    const module = { exports: {} };
    loaded.set(name, module);
    const path = join(folder, name);
    const requireAny = createRequire(path);
    const require = (wanted: string) => (wanted.startsWith('./') ? load(wanted) : requireAny(wanted));
    const run = compile(path, cache === null ? null : join(cache, `${name}.code`));
    run(module.exports, require, module, path, folder);
    return module.exports;
  };
  return load;
}

/**
 * Where code of this build, this V8 and this verb is kept; null without a home, or where Node is told to keep none.
 * Each verb has its own: what it needs is compiled then, and no more is loaded.
 */
export function codeFolder(
  env: Readonly<Record<string, string | undefined>>,
  { build, verb = '' }: { readonly build: string; readonly verb: string | undefined },
): string | null {
  if (env['NODE_DISABLE_COMPILE_CACHE']) return null;
  const home = env['HOME'] ? join(env['HOME'], '.cache') : null;
  const base = env['NODE_COMPILE_CACHE'] || env['XDG_CACHE_HOME'] || home;
  const name = /^[a-z][a-z-]{0,19}$/.test(verb) ? verb : 'other';
  return base && join(base, 'berth', `${build}-${process.versions.v8}-${process.arch}`, name);
}

type CommonJs = (exports: unknown, require: unknown, module: unknown, path: string, folder: string) => void;

function compile(path: string, kept: string | null): CommonJs {
  // the bundler writes ASCII only
  const text = readFileSync(path, 'latin1');
  const source = `(function (exports, require, module, __filename, __dirname) {${text}\n})`;
  const code = kept === null ? null : readCode(kept);
  const script = new Script(source, { filename: path, ...(code && { cachedData: code }) });
  if (kept !== null && (code === null || script.cachedDataRejected)) {
    // at the end, when all that was needed has been compiled; a verb that is none needs nothing
    process.once('exit', (exitCode) => exitCode === USAGE || writeCode(kept, script.createCachedData()));
  }
  return script.runInThisContext();
}

const USAGE = 64;

/** Null also for what is damaged, because V8 takes what it is given, and for what another user could have written. */
function readCode(path: string): Buffer | null {
  try {
    const file = openSync(path, 'r');
    try {
      const { uid, mode } = fstatSync(file);
      if (uid !== (process.getuid?.() ?? uid) || (mode & 0o022) !== 0) return null;
      const bytes = readFileSync(file);
      const code = bytes.subarray(SUM_BYTES);
      return bytes.subarray(0, SUM_BYTES).equals(sum(code)) ? code : null;
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
}

const SUM_BYTES = 4;

/** Against half-written files. A hash for more than that would take ten times as long to load and to compute. */
function sum(code: Buffer): Buffer {
  const bytes = Buffer.alloc(SUM_BYTES);
  bytes.writeUInt32BE(crc32(code));
  return bytes;
}

function writeCode(path: string, code: Buffer): void {
  const verb = dirname(path);
  try {
    if (mkdirSync(verb, { recursive: true, mode: 0o700 }) !== undefined) removeOld(dirname(dirname(verb)));
    replace(path, Buffer.concat([sum(code), code]));
  } catch {
    // no place, no right, a full disk: the next process compiles again
  }
}

function replace(path: string, bytes: Buffer): void {
  const draft = `${path}.${process.pid}`;
  try {
    writeFileSync(draft, bytes, { mode: 0o600, flag: 'wx' });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** Code of earlier builds and other versions of Node. */
function removeOld(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (Date.now() - statSync(path).mtimeMs > OLD_MS) rmSync(path, { recursive: true, force: true });
  }
}

const OLD_MS = 30 * 24 * 3600 * 1000;
