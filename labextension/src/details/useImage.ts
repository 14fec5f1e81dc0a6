/** What the details of an image request from the server. */
import { useEffect, useState } from 'react';

import type { IBuild } from '../api/api';
import type { IPlan } from '../model/plan';
import { type IListedImage, imageKey } from '../sidebar/rows';
import type { IImagesModel } from '../tokens';

/** Maximum number of builds that are asked for their plan. */
const MAX_PLANS = 5;

/** Return the operations on an image, newest first; those that the model lists are up to date. */
export function useImageBuilds(model: IImagesModel, cluster: string, name: string): ReadonlyArray<IBuild> {
  const [stored, setStored] = useState<ReadonlyArray<IBuild>>([]);
  const listed = model.builds.filter(
    ({ clusterId, card }) => clusterId === cluster && imageKey(card.image) === imageKey(name)
  );
  const newest = listed[0]?.card.id ?? '';
  useLatest(() => model.requests.listImageBuilds(cluster, name), setStored, [model, cluster, name, newest]);
  const known = new Set(listed.map(({ card }) => card.id));
  return [...listed, ...stored.filter(({ card }) => !known.has(card.id))];
}

/** Return the plan of the newest build that has one; null if none has. */
export function useLatestPlan(model: IImagesModel, builds: ReadonlyArray<IBuild>): IPlan | null {
  const [plan, setPlan] = useState<IPlan | null>(null);
  const candidates = builds.filter(({ card }) => card.createsImage).slice(0, MAX_PLANS);
  const ids = candidates.map(({ card }) => `${card.id} ${card.state}`).join();
  useLatest(() => latestPlan(model, candidates), setPlan, [model, ids]);
  return plan;
}

/** Return the requirements of an image; those of one that Azure does not list yet are requested from its build. */
export function useRequirements(model: IImagesModel, { image, build }: IListedImage): string {
  const [requested, setRequested] = useState('');
  const id = image.requirements ? '' : (build?.card.id ?? '');
  useLatest(async () => (id ? (await model.getBuild(id)).card.requirements : ''), setRequested, [model, id]);
  return image.requirements || requested;
}

async function latestPlan(model: IImagesModel, builds: ReadonlyArray<IBuild>): Promise<IPlan | null> {
  for (const { card } of builds) {
    const { plan } = (await model.getBuild(card.id)).card;
    if (plan) {
      return plan;
    }
  }
  return null;
}

/** Request something when `dependencies` change; a failure leaves what is shown, as does a response that is too late. */
function useLatest<T>(
  request: () => Promise<T>,
  store: (value: T) => void,
  dependencies: ReadonlyArray<unknown>
): void {
  useEffect(() => {
    let isLatest = true;
    request().then(
      value => {
        if (isLatest) {
          store(value);
        }
      },
      () => undefined
    );
    return () => {
      isLatest = false;
    };
  }, dependencies);
}
