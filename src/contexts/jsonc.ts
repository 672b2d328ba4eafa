import { findNodeAtLocation, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { BerthError } from '../core/errors.ts';
import { visible } from './detect/visible.ts';

/** The fields of a JSON object, read by the type that they must have. Null means that a field is not there. */
export interface Fields {
  text(name: string): string | null;
  flag(name: string): boolean | null;
  has(name: string): boolean;
  /** One text or a list of them. */
  texts(name: string): readonly string[] | null;
  object(name: string): Fields | null;
  /** Name to value; with `nullable` a value may be null. */
  variables(name: string, values: 'text' | 'nullable'): Readonly<Record<string, string | null>>;
  /** The error for a field, or for the whole object; `problem` follows the field's name. */
  invalid(name: string | null, problem: string): BerthError;
}

/**
 * Parse a devcontainer.json: JSON with comments and trailing commas.
 *
 * @throws {BerthError} `DEVCONTAINER_INVALID` with file, line and column
 */
export function parseFields(path: string, text: string): Fields {
  const errors: ParseError[] = [];
  const root = parseWithLimit(path, text, errors);
  const [first] = errors;
  if (first !== undefined) {
    const near = visible(text.slice(first.offset, first.offset + 20).split('\n')[0] ?? '').trim();
    const problem = WORDS[printParseErrorCode(first.error)] ?? printParseErrorCode(first.error);
    throw invalid(
      path,
      positionOf(text, first.offset),
      near === '' ? problem : `${problem} before \`${near}\``,
    );
  }
  if (root?.type !== 'object') throw invalid(path, '1:1', 'an object `{ ... }` expected');
  return fieldsOf(root, path, text);
}

/** The parser calls itself for each level: a file of nothing but `[` would end the process's stack. */
function parseWithLimit(path: string, text: string, errors: ParseError[]): Node | undefined {
  try {
    return parseTree(text, errors, { allowTrailingComma: true, allowEmptyContent: false });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalid(path, '1:1', 'nested too deeply');
  }
}

const WORDS: Readonly<Record<string, string>> = {
  InvalidSymbol: 'a value expected',
  InvalidNumberFormat: 'a number expected',
  PropertyNameExpected: 'a property name in double quotes expected',
  ValueExpected: 'a value expected',
  ColonExpected: '`:` expected',
  CommaExpected: '`,` expected',
  CloseBraceExpected: '`}` expected',
  CloseBracketExpected: '`]` expected',
  EndOfFileExpected: 'end of file expected',
  UnexpectedEndOfComment: 'end of the comment expected',
  UnexpectedEndOfString: 'end of the string expected',
  InvalidCharacter: 'no control character expected',
};

function fieldsOf(node: Node, path: string, text: string): Fields {
  const wrong = (at: Node, problem: string) => invalid(path, positionOf(text, at.offset), problem);
  const typed = (name: string, type: Node['type'], words: string) => {
    const found = fieldNode(node, name);
    if (found !== null && found.type !== type) throw wrong(found, `\`${name}\` must be ${words}`);
    return found;
  };
  return {
    text: (name) => mapNode(typed(name, 'string', 'a text'), ({ value }) => String(value)),
    flag: (name) => typed(name, 'boolean', 'true or false')?.value ?? null,
    has: (name) => fieldNode(node, name) !== null,
    texts(name) {
      const found = fieldNode(node, name);
      if (found === null) return null;
      const items = found.type === 'array' ? (found.children ?? []) : [found];
      return items.map((item) => {
        if (item.type !== 'string') throw wrong(item, `\`${name}\` must be a text or a list of texts`);
        return String(item.value);
      });
    },
    object: (name) => mapNode(typed(name, 'object', 'an object'), (found) => fieldsOf(found, path, text)),
    variables(name, values) {
      const properties = typed(name, 'object', 'an object')?.children ?? [];
      return Object.fromEntries(
        properties.map((property) => {
          const entry = variableOf(property, values);
          if (entry === null)
            throw wrong(property.children?.[1] ?? node, `values of \`${name}\` must be texts`);
          return entry;
        }),
      );
    },
    invalid: (name, problem) =>
      wrong(
        (name === null ? null : fieldNode(node, name)) ?? node,
        name === null ? `it ${problem}` : `\`${name}\` ${problem}`,
      ),
  };
}

/** The value of a field; null when it is not there or is null itself. */
function fieldNode(node: Node, name: string): Node | null {
  const found = findNodeAtLocation(node, [name]);
  return found === undefined || found.type === 'null' ? null : found;
}

/** Name and value of a property; null when the value has the wrong type. */
function variableOf(
  { children: [key, value] = [] }: Node,
  values: 'text' | 'nullable',
): readonly [string, string | null] | null {
  if (key === undefined || value === undefined) return null;
  if (value.type === 'string') return [String(key.value), String(value.value)];
  return value.type === 'null' && values === 'nullable' ? [String(key.value), null] : null;
}

function mapNode<T>(node: Node | null, map: (node: Node) => T): T | null {
  return node === null ? null : map(node);
}

function positionOf(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `${before.length}:${(before.at(-1) ?? '').length + 1}`;
}

function invalid(path: string, position: string, problem: string): BerthError {
  return new BerthError(`${visible(path)}:${position}: ${problem}.`, {
    code: 'DEVCONTAINER_INVALID',
    hint: 'See containers.dev/implementors/json_reference for what a devcontainer.json holds.',
  });
}
