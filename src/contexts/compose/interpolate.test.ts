import { describe, expect, test } from 'vitest';
import { interpolate, lookupIn } from './interpolate.ts';

const lookup = lookupIn({ SET: 'value', EMPTY: '', lower: 'l', DOLLAR: '$SET' });

describe('variables in a Compose file', () => {
  test.each([
    ['plain', 'plain'],
    ['$SET/${SET}', 'value/value'],
    ['$SETS$lower', 'l'],
    ['${UNSET}', ''],
    ['$$SET $${SET} $$$SET', '$SET ${SET} $value'],
    ['$1 $ $-', '$1 $ $-'],
    ['${SET:-d}${EMPTY:-d}${UNSET:-d}', 'valuedd'],
    ['${SET-d}${EMPTY-d}${UNSET-d}', 'valued'],
    ['${SET:+a}${EMPTY:+a}${UNSET:+a}', 'a'],
    ['${SET+a}${EMPTY+a}${UNSET+a}', 'aa'],
    ['${SET:?no}${EMPTY?no}', 'value'],
    ['${UNSET:-${EMPTY:-${SET}}}x', 'valuex'],
    ['${UNSET:-a}-${UNSET:-b}', 'a-b'],
    ['${UNSET:-{"a": {}}}', '{"a": {}}'],
    ['${UNSET:-a:-b?c+d}', 'a:-b?c+d'],
    ['${DOLLAR}', '$SET'],
    ['a\n${UNSET:-b}\nc', 'a\nb\nc'],
  ])('%j becomes %j', (template, expected) => {
    expect(interpolate(template, lookup)).toBe(expected);
  });

  test.each([
    ['${', 'not a valid variable'],
    ['${}', 'not a valid variable'],
    ['${1}', 'not a valid variable'],
    ['${SET', 'not a valid variable'],
    ['${SET!x}', 'not a valid variable'],
    ['${SET:-a\nb}', 'not a valid variable'],
    ['${UNSET?}', 'it needs the variable UNSET, which is not set'],
    ['${EMPTY:?say $SET}', 'it needs the variable EMPTY, which is not set: say value'],
    ['${SET:-${UNSET:?inner}}', 'it needs the variable UNSET, which is not set: inner'],
    ['${A:-'.repeat(60) + '}'.repeat(60), 'nested more than 50'],
  ])('%j is refused', (template, message) => {
    expect(() => interpolate(template, lookup)).toThrow(message);
  });

  test('names that objects inherit are not set', () => {
    expect(interpolate('${constructor:-none}${__proto__:-none}', lookup)).toBe('nonenone');
  });

  test('only variables that become empty for want of a value are told', () => {
    const unset: string[] = [];

    interpolate('$A ${B:-b} ${C} ${D+d} ${EMPTY}', lookup, (name) => unset.push(name));

    expect(unset).toEqual(['A', 'C']);
  });
});
