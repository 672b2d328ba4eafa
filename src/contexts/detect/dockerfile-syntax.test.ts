import { describe, expect, test } from 'vitest';
import { looksLikeDockerfile } from './dockerfile-syntax.ts';

describe('a text is a Dockerfile', () => {
  test.each([
    ['with the least in it', 'FROM scratch'],
    ['in lower case', 'from alpine\nrun true\n'],
    [
      'with arguments, platform and stages',
      'ARG V=3\nFROM --platform=$BUILDPLATFORM alpine:${V:-3} AS base\nFROM base\n',
    ],
    ['with a digest', 'FROM node:22@sha256:abcdef0123\n'],
    ['with a registry and port', 'FROM localhost:5000/team/app:1.2-rc_1\n'],
    ['with directives and comments', '# syntax=docker/dockerfile:1\n# escape=`\n\nFROM x\nRUN a `\n  b\n'],
    ['with continued lines and comments between them', 'FROM x\nRUN a \\\n  # why\n  && b \\\n\n  && c\n'],
    ['with a here-document', 'FROM x\nRUN <<EOF\nnot an instruction\nEOF\nCOPY <<-"A" <<B /x/\n1\nA\n2\nB\n'],
    ['with CRLF', 'FROM x\r\nRUN a \\\r\n  b\r\n'],
  ])('%s', (_, text) => {
    expect(looksLikeDockerfile(text)).toBe(true);
  });
});

describe('a text is none', () => {
  test.each([
    ['empty', ''],
    ['only comments', '# FROM x\n'],
    ['without FROM', 'ARG A=1\n'],
    ['an instruction before FROM', 'RUN true\nFROM x\n'],
    ['an unknown instruction', 'FROM x\nINSTALL y\n'],
    ['a Jinja template', 'FROM {{ image }}\n'],
    ['a placeholder', 'FROM %%BASE%%\n'],
    ['another placeholder', 'FROM @BASE@\n'],
    ['a third placeholder', 'FROM <image>\n'],
    ['prose', 'From the moment on, everything was different.\n'],
    ['SQL', 'select *\nfrom users\n'],
    ['code', 'import { FROM } from "x";\n'],
  ])('%s', (_, text) => {
    expect(looksLikeDockerfile(text)).toBe(false);
  });
});
