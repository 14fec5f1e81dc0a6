import { describe, expect, it } from 'vitest';

import { buildGroups, doneCount } from '../../src/model/buildGroups';
import { makeBuild } from '../support/builds';

describe('buildGroups', () => {
  it('returns an empty list without builds', () => {
    expect(buildGroups([])).toEqual([]);
  });

  it('makes a single build a group of its own', () => {
    const build = makeBuild('x');
    expect(buildGroups([build])).toEqual([{ id: 'x', isFleet: false, active: true, builds: [build] }]);
  });

  it('groups a fleet with the newest build of each cluster', () => {
    const single = makeBuild('x');
    const builds = [
      makeBuild('c', { fleet: 'f' }, 'one'),
      single,
      makeBuild('b', { fleet: 'f', ended: true }, 'two'),
      makeBuild('a', { fleet: 'f', ended: true }, 'one')
    ];
    const [fleet, other, ...rest] = buildGroups(builds);
    expect(rest).toEqual([]);
    expect(fleet).toMatchObject({ id: 'f', isFleet: true, active: true });
    expect(fleet?.builds.map(({ card }) => card.id)).toEqual(['c', 'b']);
    expect(fleet && doneCount(fleet)).toBe(1);
    expect(other?.builds).toEqual([single]);
  });

  it('is not active when all builds are done', () => {
    const builds = ['a', 'b'].map(id => makeBuild(id, { fleet: 'f', ended: true }));
    expect(buildGroups(builds).map(({ active }) => active)).toEqual([false]);
  });
});
