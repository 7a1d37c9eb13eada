// Suggestions for mistyped commands and options.
import { expect } from "chai";
import { dataCommand } from "../src/data.ts";
import { publishCommand } from "../src/publish.ts";
import { subscribeCommand } from "../src/subscribe.ts";
import { suggestionFor } from "../src/suggestion.ts";

const COMMANDS = [publishCommand, subscribeCommand, dataCommand];

function suggest(line: string): string | undefined {
  return suggestionFor(line.split(" "), COMMANDS);
}

describe("suggestions", () => {
  it("name the command with at most two wrong characters", () => {
    expect(suggest("pubish news hi")).to.equal("publish");
    expect(suggest("subcsribe news")).to.equal("subscribe");
    expect(suggest("completoin")).to.equal("completion");
    expect(suggest("pblsh news")).to.equal("publish");
    expect(suggest("plsh news")).to.equal(undefined);
  });

  it("name the command below a command", () => {
    expect(suggest("data chek data/c1")).to.equal("check");
    expect(suggest("data check data/c1")).to.equal(undefined);
    expect(suggest("publish chek")).to.equal(undefined);
  });

  it("name the option of the given command", () => {
    expect(suggest("publish news hi --tokn x")).to.equal("--token");
    expect(suggest("publish news hi --ulr=http://127.0.0.1:1")).to.equal("--url");
    expect(suggest("subscribe news --no-jsn")).to.equal("--json");
    expect(suggest("publish news --cuont 1")).to.equal(undefined);
    expect(suggest("subscribe news --cuont 1")).to.equal("--count");
  });

  it("do not change short words into unrelated ones", () => {
    expect(suggest("up2")).to.equal(undefined);
    expect(suggest("subscribe news --x")).to.equal(undefined);
  });

  it("ignore texts after --", () => {
    expect(suggest("publish news -- --tokn")).to.equal(undefined);
  });
});
