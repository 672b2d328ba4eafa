import { BerthError } from '../core/errors.ts';
import type { Host } from '../core/host.ts';
import { type EngineName, engineCommand, lastWords } from './engine-cli.ts';
import { checkImageName } from './names.ts';

export interface Pull {
  readonly image: string;
  /** What the engine says meanwhile, as it comes. */
  readonly onProgress: (text: string) => void;
}

/**
 * Fetch an image, where somebody asked for it and watches.
 *
 * @throws {BerthError} `IMAGE_MISSING` with the engine's words
 */
export async function pullImage(host: Host, engine: EngineName, { image, onProgress }: Pull): Promise<void> {
  checkImageName(image);
  const streams = { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', detached: false } as const;
  const child = host.spawn(engineCommand([engine, 'pull', image]), streams);
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => onProgress(String(chunk)));
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + String(chunk)).slice(-4_096);
    onProgress(String(chunk));
  });
  const { code } = await child.ended;
  if (code === 0) return;
  throw new BerthError(`${engine} could not pull ${image}: ${lastWords(said)}`, {
    code: 'IMAGE_MISSING',
    hint: `Check the name and your login, then try \`${engine} pull ${image}\` by hand.`,
  });
}
