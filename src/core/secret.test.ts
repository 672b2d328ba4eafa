import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isSecret, parseSecretReference, secretReference } from './secret.ts';

test('names that usually hold secrets are secret', () => {
  for (const name of [
    'GITHUB_TOKEN',
    'AWS_SECRET_ACCESS_KEY',
    'PGPASSWORD',
    'MYSQL_PWD',
    'STRIPE_API_KEY',
    'APIKEY',
    'SSH_KEY',
    'NPM_AUTH',
    'AUTHORIZATION',
    'DB_PASS',
    'db_password',
    'SENTRY_DSN',
  ]) {
    expect(isSecret(name, 'x'), name).toBe(true);
  }
});

test('ordinary names are not secret', () => {
  for (const name of [
    'PATH',
    'PWD',
    'OLDPWD',
    'GIT_AUTHOR_NAME',
    'NODE_ENV',
    'KEYBOARD',
    'PASSENGER',
    'DEBUG',
  ]) {
    expect(isSecret(name, 'x'), name).toBe(false);
  }
});

test('a URL that carries a password is secret under any name', () => {
  expect(isSecret('DATABASE_URL', 'postgres://app:hunter2@db/app')).toBe(true);
  expect(isSecret('DATABASE_URL', 'postgres://db/app')).toBe(false);
});

test('a reference is read back as it was made, and a plain value never reads as one unless it is secret', () => {
  const file = fc.uuid();
  const name = fc.stringMatching(/^[A-Za-z_]\w{0,20}$/);
  fc.assert(
    fc.property(file, name, (file, name) => {
      expect(parseSecretReference(secretReference({ file, name }))).toEqual({ file, name });
    }),
  );
  fc.assert(
    fc.property(fc.string(), (value) => {
      expect(parseSecretReference(value) === null || isSecret('X', value)).toBe(true);
    }),
  );
});
