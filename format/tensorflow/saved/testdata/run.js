// Runs graphs of TensorFlow with TensorFlow.js on the processor. Standard input has a line of
// JSON for each: {graph, weights: [{name, shape, dtype, data}], inputs: {name: {shape, dtype,
// data}}, outputs: [name]}. A line {values: [{shape, data}]} or {error} answers each.
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-cpu');
const {loadGraphModel} = require('@tensorflow/tfjs-converter');
const lines = require('readline').createInterface({input: process.stdin});

async function run(job) {
  const specs = [], parts = [];
  for (const w of job.weights || []) {
    specs.push({name: w.name, shape: w.shape, dtype: w.dtype});
    parts.push(Buffer.from((w.dtype === 'int32' ? Int32Array : Float32Array).from(w.data).buffer));
  }
  const all = Buffer.concat(parts);
  const artifacts = {
    modelTopology: job.graph, weightSpecs: specs, format: 'graph-model',
    weightData: all.buffer.slice(all.byteOffset, all.byteOffset + all.length),
  };
  const model = await loadGraphModel({load: async () => artifacts});
  const inputs = {};
  for (const [name, x] of Object.entries(job.inputs)) {
    inputs[name] = tf.tensor(x.data, x.shape, x.dtype);
  }
  const out = await model.executeAsync(inputs, job.outputs);
  const values = [];
  for (const y of Array.isArray(out) ? out : [out]) {
    values.push({shape: y.shape, data: Array.from(await y.data())});
  }
  return {values};
}

(async () => {
  await tf.setBackend('cpu');
  for await (const line of lines) {
    let answer;
    try {
      answer = await run(JSON.parse(line));
    } catch (e) {
      answer = {error: String(e.stack)};
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
  }
})();
