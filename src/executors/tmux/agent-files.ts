import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentFiles } from '../../core/agent.ts';

/** What may be read of the files of an agent whose process was started with this environment. */
export function agentFiles(env: AgentFiles['env']): AgentFiles {
  const found = new Map<string, string>();
  return {
    env,
    read: readText,
    fileWith(folder, sinceMs, text) {
      const known = found.get(text);
      if (known !== undefined) return known;
      const path = changedFiles(folder, sinceMs).find((one) => readText(one)?.includes(text));
      if (path !== undefined) found.set(text, path);
      return path ?? null;
    },
  };
}

export function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function changedFiles(folder: string, sinceMs: number): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => statSync(path).mtimeMs >= sinceMs);
  } catch {
    return [];
  }
}

/** The environment that the program of a process was started with; null where that cannot be read. */
export function environmentOf(pid: number): AgentFiles['env'] | null {
  const text = readText(`/proc/${pid}/environ`);
  if (text === null || text === '') return null;
  return Object.fromEntries(
    text.split('\0').flatMap((pair) => {
      const at = pair.indexOf('=');
      return at < 1 ? [] : [[pair.slice(0, at), pair.slice(at + 1)]];
    }),
  );
}

/** The bytes of a file from an offset on; none while there is no file. */
export function readBytes(path: string, from: number): Buffer {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return Buffer.alloc(0);
  }
  try {
    const buffer = Buffer.alloc(Math.max(0, fstatSync(file).size - from));
    return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, from));
  } finally {
    closeSync(file);
  }
}
