import type { CST, Document, Lexer, LineCounter, YAMLError } from 'yaml';
import { BerthError } from '../../core/errors.ts';
import { visible } from '../detect/visible.ts';
import type { Limits } from './limits.ts';
import { MAX_DEPTH, Misplaced, type Path, readNodes, startOf, TOO_DEEP, type Yaml } from './nodes.ts';
import { isList, isMap, type Value, type ValueMap } from './value.ts';

export interface ComposeDocument {
  readonly root: ValueMap;
  /** Where `!reset` and `!override` stand: what earlier files say there is dropped. */
  readonly resets: readonly Path[];
}

/**
 * The documents of one Compose file, aliases and merge keys expanded, as Go's YAML library reads them
 * for Compose. Documents without content are left out.
 *
 * @throws {BerthError} `COMPOSE_INVALID` with file, line, column and what was expected there
 */
export function parseDocuments(
  yaml: Yaml,
  file: string,
  { text, limits }: Source,
): readonly ComposeDocument[] {
  const lines = new yaml.LineCounter();
  lines.addNewLine(0);
  try {
    const parsed: ComposeDocument[] = [];
    for (const document of compose(yaml, text, lines)) {
      const [error] = document.errors;
      if (error !== undefined) throw misplaced(yaml, document, error);
      const { value, resets } = readNodes(yaml, document, limits);
      if (value !== null)
        parsed.push({ root: checkShape(value, (path) => nodeStart(document, path)), resets });
    }
    return parsed;
  } catch (error) {
    throw error instanceof Misplaced ? invalid(file, lines.linePos(error.offset), error.message) : error;
  }
}

interface Source {
  readonly text: string;
  readonly limits: Limits;
}

// Duplicate keys are found when nodes are read: the library compares each key with each, which takes
// minutes for a hostile file.
const YAML_OPTIONS = {
  schema: 'failsafe',
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'silent',
} as const;

/** Some twenty thousand lines: more takes seconds to read, and nobody wrote it by hand. */
const MAX_TOKENS = 250_000;

/**
 * The library's own parse, with limits in its middle: deep nesting must end before the part that
 * recurses, where it would end the process.
 */
function compose(yaml: Yaml, text: string, lines: LineCounter): Iterable<Document.Parsed> {
  return new yaml.Composer(YAML_OPTIONS).compose(tokens());

  function* tokens(): Generator<CST.Token, void> {
    const parser = new yaml.Parser(lines.addNewLine);
    let count = 0;
    const lexer = new yaml.Lexer();
    const allowOutdents = outdentedFlow(lexer);
    for (const lexeme of lexer.lex(text)) {
      allowOutdents();
      yield* parser.next(lexeme);
      count += 1;
      if (count > MAX_TOKENS)
        throw new Misplaced(parser.offset, `the file goes on beyond ${MAX_TOKENS} tokens`);
      if (parser.stack.length > MAX_DEPTH) throw new Misplaced(parser.offset, TOO_DEEP);
    }
    yield* parser.end();
  }
}

/**
 * Inside brackets Go's library takes any indentation, as YAML forbids and people write. The lexer has no
 * option for it, but looks at two fields of its own at each line.
 *
 * @returns to be called after each lexeme
 */
function outdentedFlow(lexer: Lexer): () => void {
  const state = lexer as unknown as { readonly flowLevel: number; indentNext: number };
  let outside: number | null = null;
  return () => {
    if (state.flowLevel > 0) {
      outside ??= state.indentNext;
      state.indentNext = 0;
    } else if (outside !== null) {
      state.indentNext = outside;
      outside = null;
    }
  };
}

/** A Compose file is a mapping, its services are mappings. Without this nothing can be listed. */
function checkShape(root: Value, offsetOf: (path: Path) => number): ValueMap {
  if (!isMap(root)) throw new Misplaced(offsetOf([]), `a Compose file is a mapping, this is ${kindOf(root)}`);
  const services = root['services'] ?? null;
  if (services === null) return root;
  if (!isMap(services)) {
    throw new Misplaced(
      offsetOf(['services']),
      `\`services\` is a mapping of names to services, not ${kindOf(services)}`,
    );
  }
  for (const [name, service] of Object.entries(services)) {
    if (service === null || isMap(service)) continue;
    throw new Misplaced(
      offsetOf(['services', name]),
      `service ${visible(JSON.stringify(name))} is a mapping with \`image\` or \`build\`, not ${kindOf(service)}`,
    );
  }
  return root;
}

function kindOf(value: Value): string {
  if (isList(value)) return 'a list';
  return value === null ? 'empty' : typeof value === 'string' ? 'text' : 'a boolean';
}

function nodeStart(document: Document.Parsed, path: Path): number {
  return startOf(path.length === 0 ? document.contents : document.getIn(path, true));
}

/** What the YAML library found, in one line that quotes no more than a little of the file. */
function misplaced(yaml: Yaml, document: Document.Parsed, error: YAMLError): Misplaced {
  const [offset] = error.pos;
  const quote = openQuote(yaml, document, offset);
  if (quote !== null) return new Misplaced(quote, 'the quote that opens here is never closed');
  const [message = ''] = visible(error.message).split('\\n');
  const found = message.length > 120 ? `${message.slice(0, 120)}…` : message;
  const expected = EXPECTED[error.code];
  return new Misplaced(offset, expected === undefined ? found : `${found} (expected ${expected})`);
}

/** Where the quote stands that runs into the end of the file; the library only says where that end is. */
function openQuote(yaml: Yaml, document: Document.Parsed, end: number): number | null {
  let start: number | null = null;
  yaml.visit(document, {
    Scalar(_, node) {
      const [from = 0, to = 0] = node.range ?? [];
      if (node.type?.startsWith('QUOTE') && from < end && to >= end) start = from;
    },
  });
  return start;
}

const EXPECTED: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  BAD_INDENT: 'the indentation of the lines around it',
  BAD_SCALAR_START: 'quotes around a value that begins with this character',
  BLOCK_AS_IMPLICIT_KEY: 'the nested mapping on a line of its own',
  BLOCK_IN_FLOW: 'one style inside brackets',
  MISSING_CHAR: 'it before the end of the value',
  MULTILINE_IMPLICIT_KEY: 'a key and its colon on one line',
  TAB_AS_INDENT: 'spaces',
  UNEXPECTED_TOKEN: '`key: value`, `- item` or the end of the document',
};

function invalid(file: string, position: { line: number; col: number }, what: string): BerthError {
  return new BerthError(`${visible(file)}:${position.line}:${position.col}: ${what}.`, {
    code: 'COMPOSE_INVALID',
    hint: 'Mend the file; `docker compose config -q` says whether Compose reads it.',
  });
}
