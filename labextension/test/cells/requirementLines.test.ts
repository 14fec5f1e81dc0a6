import { describe, expect, it } from 'vitest';

import { applyFix, canCorrect, canFixLine, correctCell, type ICellText } from '../../src/cells/requirementLines';

const CHECKED = 'requests==2.31.0\n  urllib3==1.20\n';

class Cell implements ICellText {
  constructor(private _source: string) {}

  getSource(): string {
    return this._source;
  }

  updateSource(start: number, end: number, value = ''): void {
    this._source = this._source.slice(0, start) + value + this._source.slice(end);
  }
}

describe('applyFix', () => {
  it('replaces only the line that was checked', () => {
    const cell = new Cell(`%%kusto_image clash --base x\n${CHECKED}# end`);
    applyFix(cell, CHECKED, 2, 'urllib3==2.2.1');
    expect(cell.getSource()).toBe('%%kusto_image clash --base x\nrequests==2.31.0\n  urllib3==2.2.1\n# end');
  });

  it.each([
    ['the line was changed', `%%kusto_image clash\nrequests==2.31.0\nurllib3==2.2.1`, 2],
    ['a line was inserted above', `%%kusto_image clash\nsix\n${CHECKED}`, 2],
    ['there is no such line', `%%kusto_image clash\n${CHECKED}`, 9],
    ['the line is empty', `%%kusto_image clash\n${CHECKED}`, 3],
    ['the cell has no magic', `# clash\n${CHECKED}`, 2],
    ['the cell has Windows line ends', `%%kusto_image clash\r\nrequests==2.31.0\r\nurllib3==1.20`, 2],
    ['the cell is empty', '', 1]
  ])('changes nothing if %s', (_, source, line) => {
    const cell = new Cell(source);
    expect(canFixLine(cell, CHECKED, line)).toBe(false);
    applyFix(cell, CHECKED, line, 'urllib3==2.2.1');
    expect(cell.getSource()).toBe(source);
  });
});

describe('correctCell', () => {
  const correction = {
    text: 'requests==2.31.0\nurllib3==2.2.1\n',
    changes: [{ line: 2, before: '  urllib3==1.20', after: 'urllib3==2.2.1', reason: 'clash', isLeftOut: false }],
    isComplete: true,
    isChecked: true
  };

  it('replaces everything below the magic', () => {
    const cell = new Cell(`%%kusto_image clash --base x\n${CHECKED.trimEnd()}`);
    expect(canCorrect(cell, correction)).toBe(true);
    correctCell(cell, correction);
    expect(cell.getSource()).toBe('%%kusto_image clash --base x\nrequests==2.31.0\nurllib3==2.2.1');
  });

  it.each([
    ['a changed line was edited', `%%kusto_image clash\nrequests==2.31.0\nurllib3==1.21`],
    ['another line was edited', `%%kusto_image clash\nrequests==2.32.0\n  urllib3==1.20`],
    ['a line was added', `%%kusto_image clash\n${CHECKED}six`],
    ['the cell has no magic', CHECKED],
    ['the cell has only a line', '%%kusto_image clash'],
    ['the cell has Windows line ends', '%%kusto_image clash\r\nsix']
  ])('changes nothing if %s', (_, source) => {
    const cell = new Cell(source);
    expect(canCorrect(cell, correction)).toBe(false);
    correctCell(cell, correction);
    expect(cell.getSource()).toBe(source);
  });
});
