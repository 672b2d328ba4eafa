import type { PoolClient, Query, QueryResult } from 'pg';
import { Burst } from './burst.ts';

/** A connection while somebody uses it. */
export interface Line {
  /** What is asked for in one turn travels together, see `Burst`. */
  query(question: Question): Promise<QueryResult>;
}

/** One statement. */
export interface Question {
  /** Prepared under this name, once for each connection. */
  readonly name?: string;
  readonly text: string;
  readonly values?: (string | number | null)[];
}

/** @param answered  called once */
export type MakeQuery = (question: Question, answered: Answered) => Query;
type Answered = (error: Error | undefined, result: QueryResult) => void;

/**
 * Use a connection, and give it back. It rejects when the connection is lost, and when the server owes an answer
 * and has said nothing for `silenceMs`: of a line that is cut without a word TCP itself would only tell after a
 * quarter of an hour. A connection that was lost is thrown away.
 */
export async function onLine<T>(
  client: PoolClient,
  { silenceMs, makeQuery }: { readonly silenceMs: number; readonly makeQuery: MakeQuery },
  use: (line: Line) => Promise<T>,
): Promise<T> {
  let broken = false;
  let lose: (error: Error) => void = () => {};
  const lost = new Promise<never>((_resolve, reject) => {
    lose = (error) => {
      broken = true;
      reject(error);
    };
  });
  lost.catch(() => {});
  const silence = setTimeout(() => {
    lose(new Error(`Connection terminated after ${silenceMs / 1000} s without an answer`));
    // nobody else would ever close it: it has queries that wait
    client.connection.stream.destroy();
  }, silenceMs);
  const onEnd = () => lose(new Error('Connection terminated unexpectedly'));
  client.on('error', lose).on('end', onEnd);
  try {
    return await Promise.race([use(lineOn(client, makeQuery, () => void silence.refresh())), lost]);
  } finally {
    clearTimeout(silence);
    client.off('error', lose).off('end', onEnd);
    client.release(broken);
  }
}

function lineOn(client: PoolClient, makeQuery: MakeQuery, heard: () => void): Line {
  let asked: Query[] = [];
  const send = (): void => {
    const together = asked;
    asked = [];
    client.query(new Burst(together, heard));
  };
  return {
    query(question) {
      const answer = new Promise<QueryResult>((resolve, reject) => {
        if (asked.length === 0) process.nextTick(send);
        asked.push(makeQuery(question, (error, result) => (error ? reject(error) : resolve(result))));
      });
      // whoever asked may have gone by then, and a failure that nobody listens to would end the process
      answer.catch(() => {});
      return answer;
    },
  };
}
