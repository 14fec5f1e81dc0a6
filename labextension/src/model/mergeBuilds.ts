/** The list of builds, which the server sends once and then only what has changed in it. */
import type { IBuild, IBuildChanges } from '../api/api';

/** Return the builds, newest first, after the changes; the same array if there are none. */
export function mergeBuilds(
  builds: ReadonlyArray<IBuild>,
  changes: Pick<IBuildChanges, 'builds' | 'complete' | 'removed'>
): ReadonlyArray<IBuild> {
  const { builds: changed, complete, removed } = changes;
  if (!complete && !changed.length && !removed.length) {
    return builds;
  }
  const merged = new Map((complete ? [] : builds).map(build => [build.card.id, build]));
  changed.forEach(build => merged.set(build.card.id, build));
  removed.forEach(id => merged.delete(id));
  return [...merged.values()].sort((one, other) => other.number - one.number);
}
