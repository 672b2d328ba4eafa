import fc from 'fast-check';
import { stringify } from 'yaml';

/** Made-up projects for the tests: mostly such that Compose loads them, over every form that berth reads. */
export interface GeneratedProject {
  readonly files: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
}

const word = fc.constantFrom('a', 'web', 'Db', 'x1', 'some_thing', 'v1.2');
const variable = fc.constantFrom('SET', 'EMPTY', 'UNSET', 'OTHER', 'OS_SET', 'lower');

/** Texts with variables in every form, nested too. */
export const template: fc.Arbitrary<string> = fc.letrec<{ text: string }>((tie) => ({
  text: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    word,
    variable.map((name) => `$${name}`),
    variable.map((name) => `\${${name}}`),
    fc
      .tuple(variable, fc.constantFrom(':-', '-', ':+', '+'), tie('text'))
      .map(([name, operator, rest]) => `\${${name}${operator}${rest}}`),
    fc
      .tuple(tie('text'), fc.constantFrom('', '-', '$$', '$1', '/', '{}', '}'), tie('text'))
      .map((parts) => parts.join('')),
  ),
})).text;

const relativePath = fc.constantFrom('.', './src', '../up', './a/../b/', '~', '~/h', '/abs', '/abs/../x');
const target = fc.constantFrom('/app', '/app/', '/data', '/a//b', '/srv/../opt');
const options = fc.constantFrom('', ':ro', ':rw', ':ro,z', ':cached');
const namedVolume = fc.constantFrom('data', 'cache');

const volume = fc.oneof(
  target,
  fc
    .tuple(fc.oneof(relativePath, namedVolume), target, options)
    .map(([from, to, how]) => `${from}:${to}${how}`),
  template.map((text) => `./\${SET:-d}:/t/${text.replaceAll(/[:\s]/g, '')}`),
  fc.record(
    { type: fc.constant('bind'), source: relativePath, target, read_only: fc.boolean() },
    { requiredKeys: ['type', 'source', 'target'] },
  ),
  fc.record({ type: fc.constant('volume'), source: namedVolume, target }),
  fc.record({ type: fc.constant('tmpfs'), target }),
);

const build = fc.oneof(
  relativePath,
  fc.constantFrom('https://example.com/x.git', '${DIR:-./ctx}'),
  fc.record(
    { context: relativePath, dockerfile: fc.constantFrom('Dockerfile', 'sub/D', '${UNSET:-D}') },
    { requiredKeys: [] },
  ),
  fc.constant({ dockerfile_inline: 'FROM x' }),
);

const NAMES = ['web', 'db', 'x-1', 'Up.2'] as const;

/** Depends on and extends earlier ones only: a cycle would have nothing to compare. */
function service(index: number) {
  const earlier = NAMES.slice(0, index);
  const some = earlier.length === 0 ? fc.constant([]) : fc.subarray([...earlier]);
  return fc.record(
    {
      image: fc.oneof(word, template),
      build,
      user: fc.oneof(template, fc.constant('1000:1000')),
      working_dir: fc.oneof(target, template),
      profiles: fc.array(fc.constantFrom('p', 'q', 'r'), { maxLength: 3 }),
      volumes: fc.array(volume, { maxLength: 4 }),
      tmpfs: fc.oneof(target, fc.uniqueArray(fc.constantFrom('/run', '/app/tmp:size=1m'))),
      depends_on: fc.oneof(
        some,
        some.map((names) =>
          Object.fromEntries(names.map((name) => [name, { condition: 'service_started' }])),
        ),
      ),
      links: some,
      ...(earlier.length > 0 && {
        extends: fc.oneof(
          fc.constantFrom(...earlier),
          fc.constantFrom(...earlier).map((name) => ({ service: name })),
        ),
      }),
    },
    { requiredKeys: ['image'] },
  );
}

const services = fc
  .tuple(service(0), service(1), service(2), service(3), fc.integer({ min: 1, max: 4 }))
  .map(([a, b, c, d, count]) =>
    Object.fromEntries([a, b, c, d].slice(0, count).map((body, i) => [NAMES[i], body])),
  );

const overriding = fc
  .tuple(service(0), fc.constantFrom('web', 'added'))
  .map(([body, name]) => ({ services: { [name]: body } }));

const style = fc.constantFrom('PLAIN', 'QUOTE_DOUBLE', 'QUOTE_SINGLE') as fc.Arbitrary<
  'PLAIN' | 'QUOTE_DOUBLE' | 'QUOTE_SINGLE'
>;

const environmentLine = fc
  .tuple(
    variable,
    fc.constantFrom('=', ' = ', ': '),
    fc.constantFrom('plain', '"two words"', "'single $SET'", '"${SET:-x}y"', '$OS_SET', '', 'with # comment'),
  )
  .map((parts) => parts.join(''));

export const projects: fc.Arbitrary<GeneratedProject> = fc
  .record({
    base: fc.constantFrom('compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'),
    name: fc.option(fc.oneof(template, fc.constantFrom('Named', '_x-Y', '${SET}'))),
    services,
    override: fc.option(overriding),
    overrideName: fc.constantFrom('compose.override.yml', 'docker-compose.override.yaml'),
    lines: fc.array(environmentLine, { maxLength: 5 }),
    style,
    environment: fc.record(
      { OS_SET: fc.constant('from-caller'), SET: fc.constant('caller'), COMPOSE_PROFILES: fc.constant('p') },
      { requiredKeys: ['OS_SET'] },
    ),
  })
  .map(({ base, name, services, override, overrideName, lines, style, environment }) => {
    const volumes = { data: null, cache: null };
    const print = (value: unknown) =>
      stringify(value, { defaultStringType: style, defaultKeyType: 'PLAIN', lineWidth: 0 });
    return {
      files: {
        [base]: print({ ...(name !== null && { name }), services, volumes }),
        ...(override && { [overrideName]: print(override) }),
        ...(lines.length > 0 && { '.env': `${lines.join('\n')}\n` }),
      },
      environment,
    };
  });
