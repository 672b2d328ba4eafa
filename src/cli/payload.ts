import { BerthError } from '../core/errors.ts';
import type { Payload } from '../core/task.ts';

/** `berth run`: one argument with blanks is a shell line, anything else an argument list. */
export function runPayload(args: readonly string[]): Payload {
  const [first = ''] = args;
  rejectNothing(args);
  return args.length === 1 && /\s/.test(first) ? { kind: 'line', line: first } : { kind: 'argv', argv: args };
}

/** `berth send`: any single argument is a shell line, more are an argument list. */
export function sendPayload(args: readonly string[]): Payload {
  const [first = ''] = args;
  rejectNothing(args);
  return args.length === 1 ? { kind: 'line', line: first } : { kind: 'argv', argv: args };
}

/** A text for an agent; several words are one text. */
export function promptPayload(
  args: readonly string[],
  { provider, headless }: { readonly provider: string | null; readonly headless: boolean },
): Payload {
  rejectNothing(args);
  return { kind: 'prompt', text: args.join(' '), provider, ...(headless && { headless }) };
}

function rejectNothing(args: readonly string[]): void {
  if ((args[0] ?? '').trim() !== '') return;
  throw new BerthError('There is nothing to run: the command is empty.', {
    code: 'USAGE',
    hint: "Give a command, such as `berth run -- npm test` or `berth send 'npm test'`.",
  });
}
