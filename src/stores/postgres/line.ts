import type { PoolClient, QueryConfig, QueryResult } from 'pg';

/** A connection while somebody uses it. */
export interface Line {
  query(what: string | QueryConfig): Promise<QueryResult>;
}

/**
 * Use a connection, and give it back. It rejects when the connection is lost, and when the server owes an answer
 * and has said nothing for `silenceMs`: of a line that is cut without a word TCP itself would only tell after a
 * quarter of an hour. A connection that was lost is thrown away.
 */
export async function onLine<T>(
  client: PoolClient,
  silenceMs: number,
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
  const heard = () => void silence.refresh();
  const onEnd = () => lose(new Error('Connection terminated unexpectedly'));
  client.on('error', lose).on('end', onEnd);
  const line: Line = {
    query(what) {
      const answer = client.query(what);
      // whoever asked may have gone by then, and a failure that nobody listens to would end the process
      answer.then(heard, heard);
      return answer;
    },
  };
  try {
    return await Promise.race([use(line), lost]);
  } finally {
    clearTimeout(silence);
    client.off('error', lose).off('end', onEnd);
    client.release(broken);
  }
}
