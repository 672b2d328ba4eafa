import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson, contentOf, sha256 } from './spec-text.ts';

const anyText = fc.string({ unit: 'binary' });
const values = fc.jsonValue({ maxDepth: 3 });

test('the order of keys makes no difference, anything else does', () => {
  const shuffled = (value: unknown): unknown => {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([key, inner]) => [key, shuffled(inner)]),
    );
  };
  fc.assert(
    fc.property(fc.dictionary(anyText, values), (value) => {
      expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value));
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      expect(canonicalJson({ ...value, more: 1 })).not.toBe(canonicalJson({ ...value, more: 2 }));
    }),
  );
});

test('byte strings and NUL come back as they were, and are never in the text as they are', () => {
  const bytes = fc.string({ unit: fc.constantFrom('a', '\udc80', '\udcff', '\0', '\u{1f600}', '"') });
  fc.assert(
    fc.property(bytes, (text) => {
      const json = canonicalJson({ text });
      expect(JSON.parse(json)).toEqual({ text });
      expect(/\p{Surrogate}|\0/u.test(json)).toBe(false);
      expect(/\p{Surrogate}|\0/u.test(contentOf({ kind: 'line', line: text }))).toBe(false);
    }),
  );
});

test('a variable that is named __proto__ is kept', () => {
  expect(canonicalJson(JSON.parse('{"b":1,"__proto__":"x"}'))).toBe('{"__proto__":"x","b":1}');
});

test('the hash is SHA-256 in hexadecimal', () => {
  expect(sha256('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
});
