import { describe, expect, it } from 'vitest';

import { fixLine } from '../../src/model/fixLine';

describe('fixLine', () => {
  it.each([
    ['urllib3==1.20', 'urllib3==1.20', 'urllib3==2.2.1'],
    ['  urllib3==1.20  # old', 'urllib3==1.20', '  urllib3==2.2.1  # old'],
    ['urllib3==1.20 # new comment', '  urllib3==1.20 # old one', 'urllib3==2.2.1 # new comment'],
    ['urllib3==1.20', 'urllib3==1.21', null],
    ['urllib3 \\', 'urllib3 \\', null],
    ['# urllib3==1.20', '# urllib3==1.20', null],
    ['', '', null],
    [undefined, 'urllib3==1.20', null]
  ])('turns %j, checked as %j, into %j', (current, checked, expected) => {
    expect(fixLine(current, checked, 'urllib3==2.2.1')).toBe(expected);
  });

  it('does not interpret the fix', () => {
    expect(fixLine('a', 'a', '$&$1')).toBe('$&$1');
  });
});
