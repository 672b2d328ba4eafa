import { BerthError } from '../core/errors.ts';
import { isSecret } from '../core/secret.ts';
import type { EngineName } from './engine-cli.ts';

export interface PassedVariables {
  readonly args: readonly string[];
  /** For the client that gets `args`. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Options that give a process in a container its variables.
 *
 * Values travel in the client's environment (`--env=NAME`), where `ps` does not show them. Names that the
 * client itself obeys cannot: they stand in the argument list.
 *
 * @throws {BerthError} `POLICY`: a secret whose name the client obeys; `INVALID_VALUE`: no name, or a NUL byte
 */
export function passVariables(
  engine: EngineName,
  variables: Readonly<Record<string, string>>,
): PassedVariables {
  const passed = Object.entries(variables).map(([name, value]) => passVariable(engine, name, value));
  return {
    args: passed.map((one) => `--env=${one.argument}`),
    env: Object.assign({}, ...passed.map((one) => one.env)),
  };
}

function passVariable(engine: EngineName, name: string, value: string) {
  if (name === '' || /[=\0\n]/.test(name) || value.includes('\0')) {
    throw new BerthError(`${JSON.stringify(name)} cannot be passed as a variable.`, {
      code: 'INVALID_VALUE',
      hint: 'A name may not be empty or hold = or a newline, and neither name nor value a NUL byte.',
    });
  }
  if (!OBEYED.test(name)) return { argument: name, env: { [name]: value } };
  if (!isSecret(name, value)) return { argument: `${name}=${value}`, env: {} };
  throw new BerthError(`${name} can be passed to a container only where everyone could read it.`, {
    code: 'POLICY',
    hint: `The ${engine} client itself obeys ${name}. Give the secret another name, or pass it in a file.`,
  });
}

/** Variables that change what the docker, podman or kubectl program does, or how it is loaded. */
const OBEYED =
  /^(PATH|HOME|USER|TMPDIR|TERM|LANG|LC_.*|LD_.*|DYLD_.*|DOCKER_.*|BUILDKIT_.*|COMPOSE_.*|CONTAINERS?_.*|PODMAN_.*|REGISTRY_AUTH_FILE|STORAGE_.*|BUILDAH_.*|_CONTAINERS_.*|KUBE.*|XDG_.*|DBUS_.*|SSH_.*|SSL_.*|GO[A-Z]+|OTEL_.*|NO_COLOR|(https?|all|no)_proxy)$/i;
