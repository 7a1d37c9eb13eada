// The load generator's process.
import { CrowdLoad } from "./crowd-load.ts";
import { FanOutLoad } from "./fan-out-load.ts";
import { connectSubscribers, topicNames, type Generator } from "./generator.ts";
import { IngestLoad } from "./ingest-load.ts";
import { LatencyLoad } from "./latency-load.ts";
import type { IdlePlan, LoadOrder, LoadPlan, LoadReport } from "./load.ts";
import { StormLoad } from "./storm-load.ts";

let generator: Generator | undefined;

process.on("message", (order: LoadOrder) => {
  obey(order).catch((error: unknown) => {
    const reason = error instanceof Error ? (error.stack ?? "") : String(error);
    report({ type: "failed", reason });
  });
});

// The parent process has ended, so the results have no reader.
process.on("disconnect", () => process.exit(1));

async function obey(order: LoadOrder): Promise<void> {
  switch (order.type) {
    case "plan":
      generator = generatorFor(order.plan);
      await generator.connect();
      report({ type: "connected" });
      return;
    case "go":
      if (generator !== undefined) report({ type: "done", ...(await generator.run(order.task)) });
  }
}

function generatorFor(plan: LoadPlan): Generator {
  switch (plan.type) {
    case "fan-out":
      return new FanOutLoad(plan);
    case "latency":
      return new LatencyLoad(plan);
    case "ingest":
      return new IngestLoad(plan);
    case "idle":
      return idle(plan);
    case "storm":
      return new StormLoad(plan);
    case "crowd":
      return new CrowdLoad(plan);
  }
}

function idle({ dialect, port, subscribers, first }: IdlePlan): Generator {
  const topics = topicNames(1);
  return {
    connect: () =>
      connectSubscribers({ dialect, port, subscribers, first, topics, received: () => undefined }),
    run: () => Promise.resolve({ count: 0, ms: 0 }),
  };
}

function report(message: LoadReport): void {
  process.send?.(message);
}
