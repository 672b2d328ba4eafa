import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The contract of containers first: its files take longest and mostly wait, so that all others run beside them. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => LONGEST.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

const LONGEST = /\/test\/runs\/(podman-rootless|podman|docker|compose)\.test\.ts$/;
