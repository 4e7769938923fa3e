//! The model's file keeps its weights in eight bits and makes 32 of them before anything is computed: each question would read 42 MB, and that is what it
//! would spend its time on. So the file is changed before it is loaded: what is multiplied with weights is made eight bits as well, and of a table the
//! rows that are looked up are made 32 bits, not all of them.
//!
//! [`ONNX`'s operators](https://onnx.ai/onnx/operators/) say what each step does; the messages are as much of
//! [`onnx.proto`](https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) as the file has and this needs.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
    #[prost(bytes = "vec", repeated, tag = "8")]
    operator_sets: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "1")]
    nodes: Vec<Node>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(bytes = "vec", repeated, tag = "5")]
    weights: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "11")]
    inputs: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "12")]
    outputs: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, repeated, tag = "1")]
    inputs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    outputs: Vec<String>,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    operator: String,
    #[prost(bytes = "vec", repeated, tag = "5")]
    attributes: Vec<Vec<u8>>,
}

impl Node {
    fn new<const I: usize, const O: usize>(operator: &str, inputs: [&str; I], outputs: [&str; O]) -> Self {
        Self {
            inputs: inputs.map(str::to_owned).into(),
            outputs: outputs.map(str::to_owned).into(),
            name: format!("{}:{operator}", outputs[0]),
            operator: operator.to_owned(),
            attributes: Vec::new(),
        }
    }
}

/// The nodes that make 32 bits of weights' eight: `Cast`, then `Mul` by a scale for each column of a matrix, for each row of a table.
struct Enlarged {
    cast: Node,
    scaled: Node,
}

impl Enlarged {
    /// The weights in eight bits.
    fn weights(&self) -> &str {
        &self.cast.inputs[0]
    }

    fn scale(&self) -> &str {
        &self.scaled.inputs[1]
    }

    /// The same, of what came of the weights.
    fn cast(&self, from: &str, to: &str) -> Node {
        Node { attributes: self.cast.attributes.clone(), ..Node::new("Cast", [from], [to]) }
    }

    /// Multiplies with the weights in eight bits. ONNX Runtime makes one step of the five.
    fn product(&self, node: &Node) -> Vec<Node> {
        let (from, to) = (node.inputs[0].as_str(), node.outputs[0].as_str());
        let [small, scale, zero, sum, number, scales] =
            ["small", "scale", "zero", "sum", "number", "scales"].map(|part| format!("{to}.{part}"));
        vec![
            Node::new("DynamicQuantizeLinear", [from], [&small, &scale, &zero]),
            Node::new("MatMulInteger", [&small, self.weights(), &zero], [&sum]),
            self.cast(&sum, &number),
            Node::new("Mul", [&scale, self.scale()], [&scales]),
            Node::new("Mul", [&number, &scales], [to]),
        ]
    }

    /// Looks rows up, and the scale of each, before they are made larger.
    fn rows(&self, node: &Node) -> Vec<Node> {
        let (rows, to) = (node.inputs[1].as_str(), node.outputs[0].as_str());
        let [small, number, scales] = ["small", "number", "scales"].map(|part| format!("{to}.{part}"));
        let look =
            |of, to| Node { attributes: node.attributes.clone(), ..Node::new("Gather", [of, rows], [to]) };
        vec![
            look(self.weights(), &small),
            self.cast(&small, &number),
            look(self.scale(), &scales),
            Node::new("Mul", [&number, &scales], [to]),
        ]
    }
}

/// The model's file, changed so that it computes in eight bits.
pub(super) fn computing_in_eight_bits(file: &[u8]) -> Result<Vec<u8>> {
    let mut model = Model::decode(file)?;
    let graph = model.graph.as_mut().context("it has no graph")?;
    let enlarged = enlarged(&graph.nodes);
    let of = |name: Option<&String>| name.and_then(|name| enlarged.get(name));
    graph.nodes = std::mem::take(&mut graph.nodes)
        .into_iter()
        .flat_map(|node| match (node.operator.as_str(), of(node.inputs.first()), of(node.inputs.get(1))) {
            ("MatMul", _, Some(weights)) => weights.product(&node),
            ("Gather", Some(table), _) => table.rows(&node),
            _ if enlarged.values().any(|these| these.cast == node || these.scaled == node) => Vec::new(),
            _ => vec![node],
        })
        .collect();
    Ok(model.encode_to_vec())
}

/// Weights that are made larger, each under the name of what comes of it.
fn enlarged(nodes: &[Node]) -> HashMap<String, Enlarged> {
    let makers: HashMap<&String, &Node> =
        nodes.iter().flat_map(|node| node.outputs.iter().map(move |output| (output, node))).collect();
    let enlarged = |scaled: &Node| {
        let cast = *makers.get(scaled.inputs.first()?)?;
        let is_of_weights = cast.operator == "Cast" && !makers.contains_key(cast.inputs.first()?);
        let these = || Enlarged { cast: cast.clone(), scaled: scaled.clone() };
        (scaled.operator == "Mul" && is_of_weights).then(|| (scaled.outputs[0].clone(), these()))
    };
    nodes.iter().filter_map(enlarged).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(operator: &str, inputs: &[&str], output: &str) -> Node {
        let inputs = inputs.iter().map(|&name| name.to_owned()).collect();
        Node { inputs, ..Node::new(operator, [], [output]) }
    }

    #[test]
    fn what_is_kept_in_eight_bits_is_multiplied_and_looked_up_in_eight_bits() {
        let nodes = vec![
            node("Cast", &["table"], "table.large"),
            node("Mul", &["table.large", "table.scale"], "pieces"),
            node("Gather", &["pieces", "ids"], "found"),
            node("Cast", &["matrix"], "matrix.large"),
            node("Mul", &["matrix.large", "matrix.scale"], "layer"),
            node("MatMul", &["found", "layer"], "product"),
            // Of what was computed, nothing changes.
            node("MatMul", &["product", "found"], "other"),
        ];
        let graph = Graph { nodes, ..Graph::default() };
        let file = Model { ir_version: 10, graph: Some(graph), operator_sets: vec![vec![1]] };
        let changed = Model::decode(&*computing_in_eight_bits(&file.encode_to_vec()).unwrap()).unwrap();
        let nodes = changed.graph.unwrap().nodes;
        let steps: Vec<(&str, &str)> =
            nodes.iter().map(|node| (node.operator.as_str(), node.inputs[0].as_str())).collect();
        assert_eq!(
            steps,
            [
                ("Gather", "table"),
                ("Cast", "found.small"),
                ("Gather", "table.scale"),
                ("Mul", "found.number"),
                ("DynamicQuantizeLinear", "found"),
                ("MatMulInteger", "product.small"),
                ("Cast", "product.sum"),
                ("Mul", "product.scale"),
                ("Mul", "product.number"),
                ("MatMul", "product"),
            ]
        );
        assert_eq!((nodes[3].outputs[0].as_str(), nodes[8].outputs[0].as_str()), ("found", "product"));
        assert_eq!((changed.ir_version, changed.operator_sets), (10, vec![vec![1]]));
    }
}
