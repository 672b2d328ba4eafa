import { BerthError } from '../core/errors.ts';

/** A container's name or id. Source: moby/moby daemon/names, `RestrictedNameChars`. */
export function checkContainerName(name: string): void {
  check(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'container name', name);
}

/** An image's reference or id, loosely: what no engine takes for an option, a path or two words. */
export function checkImageName(name: string): void {
  check(/^[A-Za-z0-9][\w.:/@+-]*$/, 'image name', name);
}

/** Source: compose-spec, `services` keys. */
export function checkServiceName(name: string): void {
  check(/^[A-Za-z0-9._][\w.-]*$/, 'service name', name);
}

/** Project names, pods, namespaces and what else stands as a word of its own in an engine's arguments. */
export function checkWord(what: string, word: string): void {
  check(/^[\w.@:/][\w.@:/+-]*$/, what, word);
}

function check(grammar: RegExp, what: string, name: string): void {
  if (grammar.test(name)) return;
  throw new BerthError(`${JSON.stringify(name.slice(0, 80))} is no ${what}.`, {
    code: 'INVALID_VALUE',
    hint: 'Letters, digits, and - _ . inside; it must not begin with a dash or hold a space.',
  });
}
