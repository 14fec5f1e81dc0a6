import { pythonLanguage } from '@codemirror/lang-python';
import { EditorState } from '@codemirror/state';
import { describe, expect, it } from 'vitest';

import { isCode, lineTokens } from '../../src/cells/lineMagics';

/** Return the text and the tag of each token of a line. */
function tokens(text: string): Array<[string, string]> {
  return lineTokens(text).map(({ from, to, tag }) => [text.slice(from, to), tag]);
}

describe('lineTokens', () => {
  it('has a tag for the magic, the subcommand, options and values', () => {
    expect(tokens('%kusto_image export img --as bicep --to "my file"')).toEqual([
      ['%kusto_image', 'keyword'],
      ['export', 'command'],
      ['img', 'variableName'],
      ['--as', 'attributeName'],
      ['bicep', 'variableName'],
      ['--to', 'attributeName'],
      ['"my file"', 'string']
    ]);
  });

  it('separates an option from its value', () => {
    expect(tokens('  %kusto_image list --cluster=a').slice(2)).toEqual([
      ['--cluster', 'attributeName'],
      ['a', 'variableName']
    ]);
  });

  it('reads the magic after an assignment', () => {
    expect(tokens('built = %kusto_image attach img').map(([text]) => text)).toEqual(['%kusto_image', 'attach', 'img']);
  });

  it.each(['%kusto_images list', '%time x', 'x = 1  # %kusto_image list', '%%kusto_image img', 'f(%kusto_image)', ''])(
    'has none for %j',
    text => {
      expect(lineTokens(text)).toEqual([]);
    }
  );
});

it('finds lines inside of a string', () => {
  const doc = 'x = """\n%kusto_image list\n"""\n%kusto_image list';
  const state = EditorState.create({ doc, extensions: pythonLanguage });
  expect([8, 30].map(position => isCode(state, position))).toEqual([false, true]);
});
