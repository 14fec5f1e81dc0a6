/** Groups of builds: the builds of a fleet form one group, a single build forms a group of its own. */
import type { IBuild } from '../api/api';

export interface IBuildGroup {
  /** The id of the fleet or of the single build. */
  readonly id: string;
  readonly isFleet: boolean;
  /** The newest build of each cluster, newest first. */
  readonly builds: readonly [IBuild, ...IBuild[]];
  /** Whether any of the builds is active. */
  readonly active: boolean;
}

/** Group builds, which are sorted newest first; so is the result. */
export function buildGroups(builds: ReadonlyArray<IBuild>): IBuildGroup[] {
  const groups = new Map<string, [IBuild, ...IBuild[]]>();
  const seenClusters = new Set<string>();
  for (const build of builds) {
    const id = groupId(build);
    const key = `${id} ${build.clusterId}`;
    const group = groups.get(id);
    if (!group) {
      groups.set(id, [build]);
    } else if (!seenClusters.has(key)) {
      group.push(build); // a cluster that was seen has a newer build: the user ran the fleet again
    }
    seenClusters.add(key);
  }
  return [...groups].map(([id, members]) => ({
    id,
    isFleet: members[0].card.fleet !== '',
    builds: members,
    active: members.some(build => build.active)
  }));
}

/** Return the number of builds in a group that are done. */
export function doneCount(group: IBuildGroup): number {
  return group.builds.filter(build => !build.active).length;
}

function groupId({ card }: IBuild): string {
  return card.fleet || card.id;
}
