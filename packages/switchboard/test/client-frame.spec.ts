import { expect } from "chai";
import fc from "fast-check";
import { isFault, readClientFrame, withPosition } from "../src/client-frame.ts";

const POSITION = "0123456789abcdef_7";

describe("the frames of a client", () => {
  function codeOf(text: string): string {
    const frame = readClientFrame(text);
    return isFault(frame) ? frame.code : "";
  }

  it("are a message, with a payload and an id where wanted", () => {
    expect(readClientFrame('{"message":"hi"}')).to.deep.equal({
      message: "hi",
      payload: undefined,
      id: undefined,
    });
    expect(readClientFrame('{"message":"","payload":{"a":[1]},"id":"x-1","more":1}')).to.deep.equal(
      {
        message: "",
        payload: { a: [1] },
        id: "x-1",
      },
    );
    expect(codeOf('{"message":"hi","payload":null,"id":null}')).to.equal("");
  });

  it("are refused as anything else", () => {
    for (const text of ["", "{", "undefined", '{"message":"hi"} x', "\u0000"]) {
      expect(codeOf(text), text).to.equal("SWITCHBOARD_FRAME_NOT_JSON");
    }
    const others = ["null", "1", '"x"', "[]", "{}", '{"message":1}', '{"message":["x"]}'];
    const payloads = ["[]", "1", '"x"', "true"].map((each) => `{"message":"","payload":${each}}`);
    const ids = ['""', "1", "{}", '"a b"', '"ä"', `"${"x".repeat(65)}"`].map(
      (each) => `{"message":"","id":${each}}`,
    );
    const inherited = ['{"__proto__":{"message":"hi"}}', '{"constructor":{"message":"hi"}}'];
    for (const text of [...others, ...payloads, ...ids, ...inherited]) {
      expect(codeOf(text), text).to.equal("SWITCHBOARD_FRAME_INVALID");
    }
  });

  it("pollute nothing", () => {
    readClientFrame(
      '{"message":"x","__proto__":{"polluted":1},"payload":{"__proto__":{"polluted":1}}}',
    );
    expect(({} as Record<string, unknown>)["polluted"]).to.equal(undefined);
  });

  it("are read or refused, and never thrown at, whatever they are", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const frame = readClientFrame(text);
        expect(isFault(frame) ? frame.reason : frame.message).to.be.a("string");
      }),
    );
    expect(codeOf("[".repeat(100_000))).to.equal("SWITCHBOARD_FRAME_NOT_JSON");
  });
});

describe("a frame of the back end", () => {
  it("is given whole, with its position", () => {
    expect(withPosition('{"to":"x","body":"hi"}', POSITION)).to.equal(
      `{"to":"x","body":"hi","position":"${POSITION}"}`,
    );
    expect(withPosition(" { } ", POSITION)).to.equal(`{"position":"${POSITION}"}`);
  });

  it("keeps what every object has for what it is: a field", () => {
    expect(withPosition('{"__proto__":{"a":1}}', POSITION)).to.equal(
      `{"__proto__":{"a":1},"position":"${POSITION}"}`,
    );
  });

  it("is left out where it is no object, or too deep to be written", () => {
    for (const text of ["", "{", "[]", "null", "1", `{"a":${"[".repeat(1e5)}${"]".repeat(1e5)}}`]) {
      expect(withPosition(text, POSITION)).to.equal(undefined);
    }
  });

  it("is the same object, whatever it is", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
        const expected = JSON.parse(JSON.stringify({ ...object, position: POSITION })) as unknown;
        expect(JSON.parse(withPosition(JSON.stringify(object), POSITION) ?? "")).to.deep.equal(
          expected,
        );
      }),
    );
  });
});
