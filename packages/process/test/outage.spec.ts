import { expect } from "chai";
import { pino } from "pino";
import { Outage } from "../src/outage.ts";

const [BEGINS, ENDS] = ["it is out of reach", "it is in reach"];

describe("an outage", () => {
  let lines: string[];

  beforeEach(() => {
    lines = [];
  });

  function outageOf(wasThere: boolean): Outage {
    const level = (label: string): { level: string } => ({ level: label });
    const write = (line: string): void => {
      const { level: at, msg, fault } = JSON.parse(line) as Record<string, string>;
      lines.push([at, msg, fault].filter((part) => part !== undefined).join(" "));
    };
    const logger = pino({ formatters: { level } }, { write });
    return new Outage({ logger, begins: BEGINS, ends: ENDS, wasThere });
  }

  it("is no warning while what never was there may still come, and is told once", () => {
    const outage = outageOf(false);
    for (const fault of ["ENOTFOUND", "EAI_AGAIN", "ENOTFOUND"]) outage.failed(fault);
    outage.ended();
    expect(lines).to.deep.equal([`info ${BEGINS} ENOTFOUND`, `info ${ENDS}`]);
  });

  it("is a warning where it was there before, each fault once, in whatever order they come", () => {
    const outage = outageOf(true);
    for (const fault of ["ENOTFOUND", "EAI_AGAIN", "ENOTFOUND", "EAI_AGAIN"]) outage.failed(fault);
    outage.ended();
    outage.failed("ENOTFOUND");
    expect(lines).to.deep.equal([
      `warn ${BEGINS} ENOTFOUND`,
      `warn ${BEGINS} EAI_AGAIN`,
      `info ${ENDS}`,
      `warn ${BEGINS} ENOTFOUND`,
    ]);
  });

  it("is told by few lines, however many faults it has", () => {
    const outage = outageOf(true);
    for (let number = 0; number < 1000; number += 1) outage.failed(`fault ${number}`);
    expect(lines).to.have.length(8);
  });

  it("is none where nothing has failed", () => {
    const outage = outageOf(false);
    outage.ended();
    outage.ended();
    expect(lines).to.deep.equal([]);
  });
});
