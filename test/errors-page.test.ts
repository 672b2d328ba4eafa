import { expect, test } from 'vitest';
import { errorsPage } from './support/error-meanings.ts';

test('docs/errors.md lists every code with its exit', async () => {
  await expect(errorsPage()).toMatchFileSnapshot('../docs/errors.md');
});
