/** Builds that belong together: those of a fleet are one thing, a build alone is one by itself. */
import type { IBuild } from '../api/api';

export interface IThing {
  /** The id of the fleet, or of the build that is alone. */
  readonly id: string;
  readonly isFleet: boolean;
  /** Of each cluster the newest, the newest first. */
  readonly builds: readonly [IBuild, ...IBuild[]];
  /** Whether any of them goes on. */
  readonly active: boolean;
}

/** Put together what belongs together; `builds` and what is returned have the newest first. */
export function things(builds: ReadonlyArray<IBuild>): IThing[] {
  const members = new Map<string, [IBuild, ...IBuild[]]>();
  const places = new Set<string>();
  for (const build of builds) {
    const id = build.card.fleet || build.card.id;
    const place = `${id} ${build.clusterId}`;
    const known = members.get(id);
    if (!known) {
      members.set(id, [build]);
    } else if (!places.has(place)) {
      known.push(build); // else it was sent again later, and that one counts
    }
    places.add(place);
  }
  return [...members].map(([id, all]) => ({
    id,
    isFleet: all[0].card.fleet !== '',
    builds: all,
    active: all.some(build => build.active)
  }));
}

/** How many of its clusters have come to an end. */
export function over(thing: IThing): number {
  return thing.builds.filter(build => !build.active).length;
}
