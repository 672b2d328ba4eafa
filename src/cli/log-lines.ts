import type { OutputChunk } from '../actions/deps.ts';

/** One line of JSON for each piece of output; a character that was cut in two stands in the later piece. */
export function chunkLines(): (chunk: OutputChunk) => { readonly stream: string; readonly text: string } {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  return ({ stream, bytes }) => ({ stream, text: decoders[stream].decode(bytes, { stream: true }) });
}
