/**
 * Secret values never enter the database. The environment of a stored task holds a reference instead;
 * the values stand in `$BERTH_HOME/secrets/<file>.json`, one JSON object from name to value, mode 0600.
 */
export interface SecretReference {
  /** Name of the file in `secrets/`, without `.json`. */
  readonly file: string;
  readonly name: string;
}

const PREFIX = 'berth-secret:';

/** The value that stands in a task's environment for a secret one. */
export function secretReference({ file, name }: SecretReference): string {
  return `${PREFIX}${file}/${name}`;
}

/** The reference that a value of a stored environment is, or null for a plain value. */
export function parseSecretReference(value: string): SecretReference | null {
  const match = /^berth-secret:([0-9a-f-]{16,64})\/([A-Za-z_]\w*)$/.exec(value);
  return match ? { file: match[1] ?? '', name: match[2] ?? '' } : null;
}

/**
 * Whether a variable is kept out of the database: by its name, or by a password inside a URL.
 * A plain value that begins like a reference counts too, so that a reference is always one of ours.
 * Too much is harmless: the task gets the value either way.
 */
export function isSecret(name: string, value: string): boolean {
  return (
    SECRET_NAME.test(name) ||
    /^[a-z][a-z0-9+.-]*:\/\/[^/@\s]*:[^/@\s]+@/i.test(value) ||
    value.startsWith(PREFIX)
  );
}

const SECRET_NAME =
  /TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|PRIVATE|CREDENTIAL|COOKIE|BEARER|API_?KEY|(^|_)(KEY|PASS|DSN)$|(?<!OLD)(?<=.)PWD$|_KEY_|AUTH(?!OR($|_|S))/i;
