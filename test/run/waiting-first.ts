import { BaseSequencer, type TestSequencer, type TestSpecification } from "vitest/node";

/** The projects whose tests wait for servers and for time that passes begin first: what only works fills the time that they wait. Vitest goes by the projects' names. */
const order = ["workflows", "contract", "replay", "unit", "lab"];

export class WaitingFirst implements TestSequencer {
  readonly #base: BaseSequencer;

  constructor(context: ConstructorParameters<typeof BaseSequencer>[0]) {
    this.#base = new BaseSequencer(context);
  }

  async shard(files: TestSpecification[]): Promise<TestSpecification[]> {
    return await this.#base.shard(files);
  }

  async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await this.#base.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

const rank = ({ project }: TestSpecification): number => order.indexOf(project.name);
