/**
 * The few messages of Postgres's wire protocol that a statement needs, client side.
 * Source: the PostgreSQL manual, "Message Formats".
 */

const int16 = (value: number): Buffer => {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16BE(value);
  return buffer;
};

const int32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
};

const zeroEnded = (text: string): Buffer => Buffer.from(`${text}\0`);

function message(type: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

const NO_NAME = zeroEnded("");

/** Parse, Bind, Describe, Execute, CopyFail and Sync of one unnamed statement: parameters and results in text format. */
export function statementMessages(query: string, params: readonly (string | null)[]): Buffer {
  const values = params.flatMap((param) => {
    if (param === null) return [int32(-1)];
    const bytes = Buffer.from(param);
    return [int32(bytes.length), bytes];
  });
  return Buffer.concat([
    message("P", NO_NAME, zeroEnded(query), int16(0)),
    message("B", NO_NAME, NO_NAME, int16(0), int16(params.length), ...values, int16(0)),
    message("D", Buffer.from("P"), NO_NAME),
    message("E", NO_NAME, int32(0)),
    // Ends a COPY FROM STDIN, which would wait for ever; ignored after anything else.
    message("f", zeroEnded("COPY cannot travel over HTTP")),
    message("S"),
  ]);
}
