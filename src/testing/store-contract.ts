import { afterEach, beforeEach, describe } from 'vitest';
import type { Store } from '../core/store.ts';
import { claiming, leases } from './store-contract-claims.ts';
import { ends } from './store-contract-ends.ts';
import { invariants } from './store-contract-invariants.ts';
import { providers } from './store-contract-providers.ts';
import { dependencies, sending } from './store-contract-queue.ts';
import { changes, recovery, sessions } from './store-contract-recovery.ts';
import { turns } from './store-contract-turns.ts';
import { copying, manyAtOnce, otherHosts, pausing } from './store-contract-upkeep.ts';
import type { StoreFixture } from './store-fixture.ts';

/** What every store must do. Each handle stands for a process of its own. */
export function storeContract(name: string, create: () => Promise<StoreFixture>): void {
  describe(name, () => {
    let fixture: StoreFixture;
    let store: Store;
    beforeEach(async () => {
      fixture = await create();
      store = await fixture.open();
    });
    afterEach(() => fixture.dispose());
    const subject = { fixture: () => fixture, store: () => store };

    describe('sending', () => sending(subject));
    describe('claiming', () => claiming(subject));
    describe('leases', () => leases(subject));
    describe('one turn', () => turns(subject));
    describe('ends', () => ends(subject));
    describe('dependencies', () => dependencies(subject));
    describe('recovery', () => recovery(subject));
    describe('sessions', () => sessions(subject));
    describe('changes', () => changes(subject));
    describe('pausing', () => pausing(subject));
    describe('providers', () => providers(subject));
    describe('many at once', () => manyAtOnce(subject));
    describe('other hosts', () => otherHosts(subject));
    describe('copying', () =>
      copying(subject, async () => {
        const other = await create();
        return () => other;
      }));
    describe('invariants', () => invariants(create));
  });
}
