import type { ContainerStart } from '../core/context.ts';
import { BerthError } from '../core/errors.ts';
import type { Host } from '../core/host.ts';
import { type EngineName, engineCommand, lastWords } from './engine-cli.ts';
import { checkImageName } from './names.ts';

type Build = NonNullable<ContainerStart['build']>;

export interface ImageWish {
  readonly image: string;
  /** What the engine says meanwhile, as it comes. */
  readonly onProgress: (text: string) => void;
}

/**
 * Fetch an image, where somebody asked for it and watches.
 *
 * @throws {BerthError} `IMAGE_MISSING` with the engine's words
 */
export async function pullImage(
  host: Host,
  engine: EngineName,
  { image, onProgress }: ImageWish,
): Promise<void> {
  checkImageName(image);
  const words = await aloud(host, [engine, 'pull', image], onProgress);
  if (words === null) return;
  throw new BerthError(`${engine} could not pull ${image}: ${words}`, {
    code: 'IMAGE_MISSING',
    hint: `Check the name and your login, then try \`${engine} pull ${image}\` by hand.`,
  });
}

/**
 * Build an image under a name, with the engine's own builder, where somebody asked for it and watches.
 *
 * @throws {BerthError} `ENGINE_ERROR` with the builder's words
 */
export async function buildImage(
  host: Host,
  engine: EngineName,
  { image, build, onProgress }: ImageWish & { readonly build: Build },
): Promise<void> {
  checkImageName(image);
  const words = await aloud(host, buildCommand(engine, image, build), onProgress);
  if (words === null) return;
  throw new BerthError(`${engine} could not build ${image}: ${words}`, {
    code: 'ENGINE_ERROR',
    hint: `Correct ${build.file}; the words above are the builder's.`,
  });
}

export function buildCommand(engine: EngineName, image: string, { context, file }: Build) {
  return [engine, 'build', '--tag', image, '--file', file, '--', context] as const;
}

/** @returns the last words of a command that failed; null when it did not */
async function aloud(
  host: Host,
  argv: readonly [EngineName, ...string[]],
  onProgress: ImageWish['onProgress'],
): Promise<string | null> {
  const streams = { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', detached: false } as const;
  const child = host.spawn(engineCommand(argv), streams);
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => onProgress(String(chunk)));
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + String(chunk)).slice(-4_096);
    onProgress(String(chunk));
  });
  const { code } = await child.ended;
  return code === 0 ? null : lastWords(said);
}
