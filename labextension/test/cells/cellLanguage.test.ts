import { StringStream } from '@codemirror/language';
import { describe, expect, it } from 'vitest';

import { parser } from '../../src/cells/cellLanguage';

/** Return the text and the tag of each highlighted token. */
function tokens(text: string): Array<[string, string]> {
  const state = parser.startState?.(2);
  if (!state) {
    throw new Error('no state');
  }
  return text.split('\n').flatMap(line => {
    const stream = new StringStream(line, 4, 2);
    const found: Array<[string, string]> = [];
    while (!stream.eol()) {
      stream.start = stream.pos;
      const tag = parser.token(stream, state);
      if (tag) {
        found.push([stream.current(), tag]);
      }
    }
    return found;
  });
}

const MAGIC = '%%kusto_image img';

describe('parser', () => {
  it('highlights the line of the magic', () => {
    expect(tokens('%%kusto_image img --base "my base"')).toEqual([
      ['%%kusto_image', 'keyword'],
      ['img', 'variableName'],
      ['--base', 'attributeName'],
      ['"my base"', 'string']
    ]);
  });

  it('highlights a requirement with extras, versions, marker and comment', () => {
    expect(tokens(`${MAGIC}\nnumpy[extra] >= 1.2 ; python_version < "3.12"  # why`).slice(2)).toEqual([
      ['numpy', 'variableName.definition'],
      ['[extra]', 'typeName'],
      ['>=', 'operator'],
      ['1.2', 'number'],
      [';', 'punctuation'],
      ['python_version', 'propertyName'],
      ['<', 'operator'],
      ['"3.12"', 'string'],
      ['# why', 'comment']
    ]);
  });

  it('starts each line with a package name', () => {
    const names = tokens(`${MAGIC}\na ; os_name\nb`).filter(([, tag]) => tag === 'variableName.definition');
    expect(names.map(([text]) => text)).toEqual(['a', 'b']);
  });

  it('does not treat # inside a word as a comment', () => {
    expect(tokens(`${MAGIC}\npkg#egg`).map(([, tag]) => tag)).not.toContain('comment');
  });
});
