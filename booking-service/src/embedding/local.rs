//! all-MiniLM-L6-v2 (Apache-2.0), in eight bits, on ONNX Runtime: it reads about 250 tokens of English, and takes some milliseconds for a
//! question. ADR 17 says why this one.

mod eight_bits;

use std::{
    fs,
    num::NonZero,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use anyhow::{Context as _, Result, ensure};
use data_encoding::HEXLOWER;
use futures::future::{BoxFuture, FutureExt as _};
use ort::{environment::Environment, inputs, session::Session, value::TensorRef};
use sha2::{Digest as _, Sha256};
use tokenizers::{
    Tokenizer, TruncationParams, models::wordpiece::WordPiece, normalizers::BertNormalizer,
    pre_tokenizers::bert::BertPreTokenizer, processors::bert::BertProcessing,
};

use super::{Embedder, Purpose, normalised};

/// Its name among models: weights and what is multiplied with them have eight bits each.
const NAME: &str = "all-MiniLM-L6-v2-w8a8@384";

const DIMENSION: usize = 384;

/// Of the file: other numbers would be another model's.
const CHECKSUM: &str = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6";

/// The word pieces that BERT was made with (Apache-2.0); a piece's line is its number.
const PIECES: &str = include_str!("../../assets/bert-uncased-vocab.txt");

/// The model was trained on texts of up to so many tokens.
const MOST_TOKENS: usize = 256;

/// On x86 processors without VNNI, sums of two products would otherwise be cut at sixteen bits, and vectors be others than on those that have it.
const EXACT_SUMS: &str = "session.x64quantprecision";

/// ONNX Runtime allows one environment in a process.
static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();

/// The model, ready to work.
#[derive(Debug)]
pub(super) struct LocalModel(Arc<Inner>);

/// Somebody waits for a question's vector: 8.9 ms instead of 12.1 half of the time, 13.5 instead of 18.3 in the longest hundredth, on two cores.
const QUESTION_THREADS: usize = 2;

struct Inner {
    tokenizer: Tokenizer,
    /// Whoever asks does not wait for passages that are being embedded.
    questions: Mutex<Session>,
    passages: Mutex<Session>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

impl LocalModel {
    /// Loads `model.onnx` and ONNX Runtime's library out of a folder.
    pub(super) fn load(folder: &Path) -> Result<Self> {
        let model = fs::read(folder.join("model.onnx")).context("model.onnx")?;
        ensure!(
            HEXLOWER.encode(&Sha256::digest(&model)) == CHECKSUM,
            "model.onnx is not the file that it should be"
        );
        let model = eight_bits::computing_in_eight_bits(&model).context("model.onnx")?;
        let environment = environment(folder)?;
        let session = |threads: usize| -> Result<Session> {
            let builder = Session::builder(environment).and_then(|builder| {
                // Threads that wait in a loop would keep the database from a processor.
                let builder = builder.with_intra_threads(threads)?.with_intra_op_spinning(false)?;
                Ok(builder.with_config_entry(EXACT_SUMS, "1")?)
            });
            builder
                .and_then(|mut builder| builder.commit_from_memory(&model))
                .map_err(|error| anyhow::anyhow!("{error}"))
        };
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let inner = Inner {
            tokenizer: tokenizer()?,
            questions: Mutex::new(session(cores.min(QUESTION_THREADS))?),
            passages: Mutex::new(session(1)?),
        };
        Ok(Self(Arc::new(inner)))
    }
}

fn environment(folder: &Path) -> Result<&'static Environment> {
    if let Some(environment) = ENVIRONMENT.get() {
        return Ok(environment);
    }
    let library = library(folder).context("ONNX Runtime's library is not there")?;
    let builder =
        ort::init_from(&library).map_err(|error| anyhow::anyhow!("{}: {error}", library.display()))?;
    let built = builder.with_telemetry(false).build();
    match built {
        Ok(environment) => Ok(ENVIRONMENT.get_or_init(|| environment)),
        // Somebody else was faster.
        Err(error) => ENVIRONMENT.get().ok_or_else(|| anyhow::anyhow!("{error}")),
    }
}

fn library(folder: &Path) -> Option<PathBuf> {
    let is_it = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("libonnxruntime.") && (name.contains(".so") || name.contains(".dylib"))
    };
    fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).find(is_it)
}

fn tokenizer() -> Result<Tokenizer> {
    let failed = |error: tokenizers::Error| anyhow::anyhow!("{error}");
    let pieces = WordPiece::read_bytes(PIECES.as_bytes()).map_err(failed)?;
    let model = WordPiece::builder().vocab(pieces).unk_token("[UNK]".to_owned()).build().map_err(failed)?;
    let number =
        |piece: &str| PIECES.lines().position(|line| line == piece).and_then(|at| u32::try_from(at).ok());
    let special =
        |piece: &str| number(piece).map(|number| (piece.to_owned(), number)).context("a piece is missing");
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_normalizer(Some(BertNormalizer::default()));
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    tokenizer.with_post_processor(Some(BertProcessing::new(special("[SEP]")?, special("[CLS]")?)));
    let truncation = TruncationParams { max_length: MOST_TOKENS, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(failed)?;
    Ok(tokenizer)
}

impl Inner {
    fn embed(&self, texts: Vec<String>, purpose: Purpose) -> Result<Vec<Vec<f32>>> {
        let session = match purpose {
            Purpose::Question => &self.questions,
            Purpose::Passages => &self.passages,
        };
        let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
        // One at a time: padding to the longest of several costs more than it saves.
        texts.into_iter().map(|text| self.embed_one(&mut session, text)).collect()
    }

    fn embed_one(&self, session: &mut Session, text: String) -> Result<Vec<f32>> {
        let encoding = self.tokenizer.encode(text, true).map_err(|error| anyhow::anyhow!("{error}"))?;
        let ids: Vec<i64> = encoding.get_ids().iter().copied().map(i64::from).collect();
        let (ones, zeros) = (vec![1_i64; ids.len()], vec![0_i64; ids.len()]);
        let tensor = |values| TensorRef::from_array_view(([1, ids.len()], values));
        let outputs = session.run(inputs![
            "input_ids" => tensor(&*ids)?,
            "attention_mask" => tensor(&*ones)?,
            "token_type_ids" => tensor(&*zeros)?,
        ])?;
        let (_, states) = outputs[0].try_extract_tensor::<f32>()?;
        ensure!(states.len() == ids.len() * DIMENSION, "the model gave {} numbers", states.len());
        // The mean of all tokens, as it was trained.
        let mut mean = vec![0.0; DIMENSION];
        for state in states.chunks_exact(DIMENSION) {
            mean.iter_mut().zip(state).for_each(|(sum, part)| *sum += part);
        }
        Ok(normalised(mean))
    }
}

impl Embedder for LocalModel {
    fn model(&self) -> &str {
        NAME
    }

    fn is_here(&self) -> bool {
        true
    }

    fn embed(&self, texts: Vec<String>, purpose: Purpose) -> BoxFuture<'_, Result<Vec<Vec<f32>>>> {
        let inner = self.0.clone();
        async move { tokio::task::spawn_blocking(move || inner.embed(texts, purpose)).await? }.boxed()
    }
}
