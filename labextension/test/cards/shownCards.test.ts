import { beforeEach, describe, expect, it } from 'vitest';

import { ShownCards, type ViewChange } from '../../src/cards/shownCards';

const ELEMENT = {} as Element;
const OTHER = {} as Element;

let isPageHidden: boolean;
let observed: Set<Element>;
let report: (changes: ReadonlyArray<ViewChange>) => void;
let shown: ShownCards;

beforeEach(() => {
  isPageHidden = false;
  observed = new Set();
  shown = new ShownCards({
    isPageHidden: () => isPageHidden,
    createObserver: callback => {
      report = callback;
      return { observe: element => observed.add(element), unobserve: element => observed.delete(element) };
    }
  });
  shown.add(ELEMENT, () => 'a');
});

describe('isShown', () => {
  it('is true while an element of the card is in view', () => {
    expect(shown.isShown('a')).toBe(false);
    report([{ target: ELEMENT, isIntersecting: true }]);
    expect([shown.isShown('a'), shown.isShown('b')]).toEqual([true, false]);
    report([{ target: ELEMENT, isIntersecting: false }]);
    expect(shown.isShown('a')).toBe(false);
  });

  it('is false while the page is hidden', () => {
    report([{ target: ELEMENT, isIntersecting: true }]);
    isPageHidden = true;
    expect(shown.isShown('a')).toBe(false);
  });

  it('is true if one of several elements is in view, whatever each of them shows now', () => {
    let id = 'b';
    shown.add(OTHER, () => id);
    report([
      { target: ELEMENT, isIntersecting: false },
      { target: OTHER, isIntersecting: true }
    ]);
    expect(shown.isShown('a')).toBe(false);
    id = 'a';
    expect(shown.isShown('a')).toBe(true);
  });

  it('is false after the element was removed, also if a change is reported later', () => {
    report([{ target: ELEMENT, isIntersecting: true }]);
    shown.remove(ELEMENT);
    expect([shown.isShown('a'), observed.size]).toEqual([false, 0]);
    report([{ target: ELEMENT, isIntersecting: true }]);
    expect(shown.isShown('a')).toBe(false);
  });
});
