/** The value of a variable; `undefined` when it is not set, which differs from empty. */
export type Lookup = (name: string) => string | undefined;

/** Looks in records of variables, earlier ones first; only what is their own counts. */
export function lookupIn(...records: readonly Readonly<Record<string, string | undefined>>[]): Lookup {
  return (name) =>
    records.find((record) => Object.hasOwn(record, name) && record[name] !== undefined)?.[name];
}

/** A template that Compose refuses: malformed, or a required variable without a value. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

/** One value may not grow beyond this: `.env` files can be written so that each line doubles. */
const MAX_LENGTH = 1024 * 1024;
const MAX_DEPTH = 50;

/**
 * Replace `$NAME`, `${NAME}`, `${NAME:-default}` and their relatives as Compose does. `$$` is a dollar
 * sign; a dollar sign before anything else but `{` stays. Defaults may hold further variables, and are
 * worked out even when they are not used.
 *
 * @param onUnset  told of each variable that had no value and no default; it becomes empty
 * @throws {TemplateError} malformed, required and not set, nested too deeply, or result over 1 MiB
 *
 * Source: compose-spec/compose-go, template/template.go.
 */
export function interpolate(
  template: string,
  lookup: Lookup,
  onUnset: (name: string) => void = ignore,
): string {
  return template.includes('$') ? substitute(template, { lookup, onUnset }, 0) : template;
}

function ignore(): void {}

interface Variables {
  readonly lookup: Lookup;
  readonly onUnset: (name: string) => void;
}

function substitute(text: string, variables: Variables, depth: number): string {
  if (depth > MAX_DEPTH) throw new TemplateError(`it is nested more than ${MAX_DEPTH} levels deep`);
  const lastBrace = lastBraceOfLine(text);
  let out = '';
  let at = 0;
  while (at < text.length) {
    const dollar = text.indexOf('$', at);
    if (dollar === -1) return bounded(out + text.slice(at));
    out = bounded(out + text.slice(at, dollar));
    const name = match(NAME, text, dollar + 1);
    if (text[dollar + 1] === '{') {
      const expression = readExpression(text, dollar, lastBrace);
      out += evaluate(expression, variables, depth);
      at = expression.end;
    } else if (name !== null) {
      out += lookUp(name, variables);
      at = dollar + 1 + name.length;
    } else {
      out += '$';
      at = dollar + (text[dollar + 1] === '$' ? 2 : 1);
    }
  }
  return bounded(out);
}

const NAME = /[_a-z][_a-z0-9]*/iy;
const OPERATOR = /:?[-+?]/y;

interface Expression {
  readonly name: string;
  readonly operator: string | null;
  readonly operand: string;
  /** Where the text goes on behind the closing brace. */
  readonly end: number;
}

function readExpression(text: string, dollar: number, lastBrace: (from: number) => number): Expression {
  const name = match(NAME, text, dollar + 2);
  if (name === null) throw malformed();
  const afterName = dollar + 2 + name.length;
  if (text[afterName] === '}') return { name, operator: null, operand: '', end: afterName + 1 };
  const operator = match(OPERATOR, text, afterName);
  if (operator === null) throw malformed();
  const start = afterName + operator.length;
  const last = lastBrace(start);
  if (last < start) throw malformed();
  const close = closingBrace(text, dollar, last) ?? last;
  return { name, operator, operand: text.slice(start, close), end: close + 1 };
}

function malformed(): TemplateError {
  return new TemplateError('it is not a valid variable (a literal $ is written $$)');
}

/** Compose counts every brace, and never looks at the character behind an opening one. */
function closingBrace(text: string, from: number, last: number): number | null {
  let open = 0;
  for (let i = from; i <= last; i++) {
    if (text[i] === '}') {
      open -= 1;
      if (open === 0) return i;
    } else if (text[i] === '{') {
      open += 1;
      i += 1;
    }
  }
  return null;
}

/** An expression ends on its line. Remembers the line: asking per expression would cost a scan each. */
function lastBraceOfLine(text: string): (from: number) => number {
  let lineEnd = -1;
  let brace = -1;
  return (from) => {
    if (from > lineEnd) {
      const newline = text.indexOf('\n', from);
      lineEnd = newline === -1 ? text.length : newline;
      brace = text.lastIndexOf('}', lineEnd);
    }
    return brace;
  };
}

function evaluate(expression: Expression, variables: Variables, depth: number): string {
  const { name, operator } = expression;
  if (operator === null) return lookUp(name, variables);
  const operand = substitute(expression.operand, variables, depth + 1);
  const value = variables.lookup(name);
  const present = operator.startsWith(':') ? value !== undefined && value !== '' : value !== undefined;
  if (operator.endsWith('+')) return present ? operand : (value ?? '');
  if (present) return value ?? '';
  if (operator.endsWith('-')) return operand;
  throw new TemplateError(
    `it needs the variable ${name}, which is not set${operand === '' ? '' : `: ${operand}`}`,
  );
}

function lookUp(name: string, { lookup, onUnset }: Variables): string {
  const value = lookup(name);
  if (value === undefined) onUnset(name);
  return value ?? '';
}

function bounded(text: string): string {
  if (text.length > MAX_LENGTH) throw new TemplateError('it grows beyond 1 MiB');
  return text;
}

function match(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? null;
}
