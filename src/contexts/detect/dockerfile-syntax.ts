const INSTRUCTIONS = new Set(
  'ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR'.split(
    ' ',
  ),
);

/**
 * Whether a text parses as a Dockerfile: only known instructions, `ARG`s at most before the first `FROM`, and
 * an image name behind it that is no placeholder of a template. Names alone do not tell: `dockerfile_parser.rs`
 * and `Dockerfile.j2` are none.
 *
 * Source: the Dockerfile reference (parser directives, line continuation, here-documents).
 */
export function looksLikeDockerfile(text: string): boolean {
  let hasFrom = false;
  for (const line of instructionLines(text)) {
    const word = /^[A-Za-z]+(?=\s|$)/.exec(line)?.[0].toUpperCase();
    if (word === undefined || !INSTRUCTIONS.has(word)) return false;
    if (word === 'FROM') {
      if (!isFrom(line)) return false;
      hasFrom = true;
    } else if (!hasFrom && word !== 'ARG') return false;
  }
  return hasFrom;
}

/** Logical lines: comments left out, continued lines joined to their first, here-documents skipped. */
function* instructionLines(text: string): Generator<string> {
  const continuation = /^#\s*escape\s*=\s*`\s*$/im.test(text.slice(0, 500)) ? '`' : '\\';
  const ends: string[] = [];
  let continued = false;
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (ends.length > 0) {
      if (line === ends[0]) ends.shift();
      continue;
    }
    if (line === '' || line.startsWith('#')) continue;
    if (!continued) yield line;
    continued = line.endsWith(continuation);
    if (!/^(RUN|COPY|ADD)\b/i.test(line)) continue;
    for (const match of line.matchAll(/<<-?\s*(["']?)([A-Za-z_]\w*)\1/g)) ends.push(match[2] ?? '');
  }
}

function isFrom(line: string): boolean {
  const image = /^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+\S+)?\s*$/i.exec(line.replace(/[\\`]$/, ''))?.[1];
  if (image === undefined) return false;
  const plain = image.replaceAll(/\$\{[^{}]*\}/g, 'x').replaceAll(/\$\{[^{}]*\}/g, 'x');
  return (
    /^["']?[\w./:+$-]+(?:@(?:sha\d+:[0-9a-f]+|\$?\w*:?\$?\w+))?["']?$/.test(plain) && !plain.endsWith('@')
  );
}
