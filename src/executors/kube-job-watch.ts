import { setTimeout as delay } from 'node:timers/promises';
import type { KubeApi, Namespace } from '../core/cluster.ts';

/** Called with each state of a Job's pods: empty when the cluster has none. */
export type PodsListener = (pods: readonly unknown[]) => void;

type ApiOf = (context: string) => Promise<KubeApi>;

/** How long one watch lives before everything is listed anew: watches can die without a word. */
const WATCH_SECONDS = 60;
const JOBS = encodeURIComponent('app.kubernetes.io/managed-by=berth,dev.berth/job');

/**
 * The pods of all Jobs of a namespace by one watch, however many there are. It lives as long as
 * somebody listens.
 */
export function podWatches(apiOf: ApiOf) {
  const watches = new Map<string, PodWatch>();
  return {
    /** @returns stops listening */
    listen(where: Namespace, job: string, listener: PodsListener): () => void {
      const key = JSON.stringify([where.context, where.namespace]);
      const watch = watches.get(key) ?? new PodWatch(apiOf, where);
      watches.set(key, watch);
      return watch.listen(job, listener);
    },
  };
}

export type PodWatches = ReturnType<typeof podWatches>;

interface PodObject {
  readonly metadata: { readonly uid: string; readonly labels?: Readonly<Record<string, string>> };
}

class PodWatch {
  private readonly listeners = new Map<string, PodsListener>();
  private readonly pods = new Map<string, PodObject>();
  private running: AbortController | null = null;
  private isListed = false;
  private readonly apiOf: ApiOf;
  private readonly where: Namespace;

  constructor(apiOf: ApiOf, where: Namespace) {
    this.apiOf = apiOf;
    this.where = where;
  }

  listen(job: string, listener: PodsListener): () => void {
    this.listeners.set(job, listener);
    if (this.isListed) this.tell(job);
    if (this.running === null) {
      this.running = new AbortController();
      void this.run(this.running);
    }
    return () => {
      this.listeners.delete(job);
      if (this.listeners.size > 0) return;
      this.running?.abort();
      this.running = null;
      this.isListed = false;
      this.pods.clear();
    };
  }

  private async run(control: AbortController): Promise<void> {
    for (let failures = 0; !control.signal.aborted; ) {
      try {
        await this.round(control.signal);
        failures = 0;
      } catch {
        // a cluster that does not answer now: the Jobs go on, and so does the question
        failures += 1;
      }
      const waitMs = failures === 0 ? 0 : Math.min(5000, 100 * 2 ** failures);
      await delay(waitMs, undefined, { signal: control.signal }).catch(() => {});
    }
  }

  private async round(signal: AbortSignal): Promise<void> {
    const api = await this.apiOf(this.where.context);
    const path = `/api/v1/namespaces/${this.where.namespace}/pods?labelSelector=${JOBS}`;
    const { status, body, message } = await api.ask({ method: 'GET', path });
    if (status !== 200) throw new Error(message);
    const list = body as {
      readonly metadata: { readonly resourceVersion: string };
      readonly items: readonly PodObject[];
    };
    if (signal.aborted) return;
    this.pods.clear();
    for (const pod of list.items) this.pods.set(pod.metadata.uid, pod);
    this.isListed = true;
    for (const job of this.listeners.keys()) this.tell(job);
    const query = `&watch=true&timeoutSeconds=${WATCH_SECONDS}&resourceVersion=${list.metadata.resourceVersion}`;
    const deadline = AbortSignal.any([signal, AbortSignal.timeout((WATCH_SECONDS + 15) * 1000)]);
    for await (const line of lines(api.stream(`${path}${query}`, deadline))) {
      if (!this.take(JSON.parse(line) as WatchEvent)) return;
    }
  }

  /** False for an event that says that the watch has lost track. */
  private take({ type, object }: WatchEvent): boolean {
    if (type === 'ERROR') return false;
    const { uid, labels } = object.metadata;
    const job = labels?.['dev.berth/job'] ?? '';
    this.pods.set(
      uid,
      type === 'DELETED' ? { ...object, metadata: { ...object.metadata, ...DELETED } } : object,
    );
    this.tell(job);
    if (type === 'DELETED') {
      this.pods.delete(uid);
      this.tell(job);
    }
    return true;
  }

  private tell(job: string): void {
    const own = [...this.pods.values()].filter(({ metadata }) => metadata.labels?.['dev.berth/job'] === job);
    this.listeners.get(job)?.(own);
  }
}

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: PodObject;
}

/** A pod that is gone for good is shown once more, as going. */
const DELETED = { deletionTimestamp: 'gone' };

async function* lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      yield rest.subarray(0, end).toString('utf8');
      rest = rest.subarray(end + 1);
    }
  }
}
