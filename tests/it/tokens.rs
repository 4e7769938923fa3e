//! Tokens: those that are believed, and every kind that is not.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use axum::{Router, extract::State, routing::get};
use booking_service::{
    caller::Role,
    config::{Development, KeySettings, Rates},
    keys::Keys,
    token::issuer::{Grant, SigningKey},
};
use data_encoding::BASE64URL_NOPAD;
use jiff::SignedDuration;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proto::booking::v1 as pb;
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::harness::{TestApp, database::TestDatabase, fixtures::reason, with_token};

const HS256_SECRET: &str = "a shared secret of at least thirty-two characters";

/// A key pair of an issuer that is not ours.
struct ForeignKey {
    id: String,
    algorithm: Algorithm,
    key: EncodingKey,
    jwk: Value,
}

impl ForeignKey {
    fn ed25519(id: &str) -> Self {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).unwrap();
        let x = BASE64URL_NOPAD.encode(pair.public_key().as_ref());
        Self {
            id: id.to_owned(),
            algorithm: Algorithm::EdDSA,
            key: EncodingKey::from_ed_der(der.as_ref()),
            jwk: json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": x, "use": "sig", "alg": "EdDSA"}),
        }
    }

    fn p256(id: &str) -> Self {
        let der =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref()).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let [x, y] = [x, y].map(|half| BASE64URL_NOPAD.encode(half));
        Self {
            id: id.to_owned(),
            algorithm: Algorithm::ES256,
            key: EncodingKey::from_ec_der(der.as_ref()),
            jwk: json!({"kty": "EC", "crv": "P-256", "kid": id, "x": x, "y": y}),
        }
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.clone());
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}

/// Publishes keys as an identity provider does, and counts how often it is asked.
#[derive(Clone, Default)]
struct Provider {
    keys: Arc<Mutex<Vec<Value>>>,
    asked: Arc<AtomicUsize>,
    is_down: Arc<Mutex<bool>>,
    url: Arc<Mutex<String>>,
}

impl Provider {
    async fn serve(self) -> String {
        async fn jwks(State(provider): State<Provider>) -> Result<String, axum::http::StatusCode> {
            provider.asked.fetch_add(1, Ordering::SeqCst);
            if *provider.is_down.lock().unwrap() {
                return Err(axum::http::StatusCode::SERVICE_UNAVAILABLE);
            }
            Ok(json!({ "keys": *provider.keys.lock().unwrap() }).to_string())
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        self.url.lock().unwrap().clone_from(&url);
        tokio::spawn(async {
            axum::serve(listener, Router::new().route("/jwks.json", get(jwks)).with_state(self)).await
        });
        url
    }

    fn publish(&self, keys: &[&ForeignKey]) {
        *self.keys.lock().unwrap() = keys.iter().map(|key| key.jwk.clone()).collect();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// A service that believes Supabase as it was, and somebody with a JWKS.
async fn app_that_trusts(jwks_url: &str) -> TestApp {
    let issuers = json!([
        {"issuer": "https://auth.example", "audience": "frontdesk-clinic", "jwks_url": jwks_url, "org_claim": "app_metadata.org_id",
            "role_claim": "app_metadata.role"},
        {"issuer": "https://old.supabase.example/auth/v1", "audience": "authenticated", "hs256_secret": HS256_SECRET,
            "org_claim": "app_metadata.org_id"},
    ]);
    let settings = KeySettings {
        issuer: "frontdesk".to_owned(),
        signing_keys: Some(
            booking_service::keys::new_key(booking_service::config::KeyPurpose::Signing).unwrap().into(),
        ),
        secret_keys: Some(
            booking_service::keys::new_key(booking_service::config::KeyPurpose::Secret).unwrap().into(),
        ),
        trusted_issuers: Some(issuers.to_string().into()),
        development: Development { dev_issuer: false, dev_key: "unused".into() },
    };
    let mut keys = Keys::load(&settings).unwrap();
    keys.verifier.trust(crate::harness::issuer());
    let database = TestDatabase::create().await;
    let url = database.service_url.clone();
    TestApp::configured(database, &url, 8, Rates::UNLIMITED, keys).await
}

async fn ask(app: &TestApp, token: &str) -> Result<pb::GetCallerResponse, Status> {
    Ok(app.identity().get_caller(with_token(token, pb::GetCallerRequest {})).await?.into_inner())
}

fn now(app: &TestApp) -> i64 {
    app.app.clock.now().as_second()
}

fn foreign_claims(app: &TestApp, org: &str) -> Value {
    json!({"iss": "https://auth.example", "aud": ["account", "frontdesk-clinic"], "sub": "auth0|4711", "exp": now(app) + 3600, "iat": now(app),
        "app_metadata": {"org_id": org, "role": "admin"}, "user_metadata": {"org_id": "evil"}})
}

#[tokio::test]
async fn five_kinds_of_good_tokens_are_believed() {
    let (provider, key, second) = (Provider::default(), ForeignKey::ed25519("one"), ForeignKey::p256("two"));
    provider.publish(&[&key, &second]);
    let app = app_that_trusts(&provider.clone().serve().await).await;
    let clinic = app.clinic().await;
    let org = clinic.org.to_string();
    let own = app.sign_up("dana@example.com").await.session.unwrap().access_token;
    let joined = app.join(&clinic.admin, "sam@example.com", pb::Role::Provider).await.access_token;
    let supabase = json!({"iss": "https://old.supabase.example/auth/v1", "aud": "authenticated", "sub": "u", "exp": now(&app) + 3600, "iat": now(&app),
        "role": "authenticated", "app_metadata": {"org_id": org}});
    let supabase = jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        &supabase,
        &EncodingKey::from_secret(HS256_SECRET.as_bytes()),
    );
    let claims = foreign_claims(&app, &org);
    for (what, token, role) in [
        ("our own", own, pb::Role::Admin),
        ("a member's", joined, pb::Role::Provider),
        ("the development issuer's", clinic.voice.clone(), pb::Role::Agent),
        ("EdDSA of a JWKS", key.sign(&claims), pb::Role::Admin),
        ("ES256 of a JWKS", second.sign(&claims), pb::Role::Admin),
        ("HS256 of a classic Supabase project", supabase.unwrap(), pb::Role::Staff),
    ] {
        let caller = ask(&app, &token).await.unwrap_or_else(|status| panic!("{what}: {status:?}"));
        assert_eq!(caller.role(), role, "{what}");
        assert!(what == "our own" || caller.org_id == org, "{what}");
    }
}

/// A token with any header and claims, under our own service's signature: what is wrong with it is all that is wrong.
struct Forge {
    key: EncodingKey,
    kid: String,
    claims: Value,
}

impl Forge {
    fn sign(&self, header: &str, claims: &str) -> String {
        let parts = [header, claims].map(|part| BASE64URL_NOPAD.encode(part.as_bytes())).join(".");
        let signature = jsonwebtoken::crypto::sign(parts.as_bytes(), &self.key, Algorithm::EdDSA).unwrap();
        format!("{parts}.{signature}")
    }

    fn header(&self) -> Value {
        json!({"typ": "at+jwt", "alg": "EdDSA", "kid": self.kid})
    }

    fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.header();
        if value.is_null() {
            header.as_object_mut().unwrap().remove(name);
        } else {
            header[name] = value;
        }
        self.sign(&header.to_string(), &self.claims.to_string())
    }

    fn with_claim(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value;
        }
        self.sign(&self.header().to_string(), &claims.to_string())
    }
}

/// J-01: each differs from a good token in one thing.
#[expect(clippy::too_many_lines, reason = "it is a table")]
#[tokio::test]
async fn hostile_tokens_get_one_refusal() {
    let (provider, foreign) = (Provider::default(), ForeignKey::p256("two"));
    provider.publish(&[&foreign]);
    let app = app_that_trusts(&provider.clone().serve().await).await;
    let clinic = app.clinic().await;
    let der = SigningKey::generate_pkcs8().unwrap();
    // The service's own keys, of which this is the one that signs.
    let keys = app.app.keys.get();
    let grant = Grant {
        org: clinic.org,
        subject: "u".into(),
        role: Role::Admin,
        scope: booking_service::domain::scope::Scope::default(),
        lifetime: SignedDuration::from_mins(15),
    };
    let good = keys.issuer.issue(&grant, app.app.clock.now()).unwrap();
    ask(&app, &good).await.unwrap();
    drop(keys);
    let signing = SigningKey::from_pkcs8(&der).unwrap();
    let mut keys = crate::harness::keys();
    keys.issuer = booking_service::token::issuer::Issuer::new("frontdesk-2", vec![signing]);
    keys.verifier.trust(&keys.issuer);
    let sample = keys.issuer.issue(&grant, app.app.clock.now()).unwrap();
    app.app.keys.replace(keys);
    let part = |token: &str, n: usize| -> Value {
        serde_json::from_slice(&BASE64URL_NOPAD.decode(token.split('.').nth(n).unwrap().as_bytes()).unwrap())
            .unwrap()
    };
    let kid = part(&sample, 0)["kid"].as_str().unwrap().to_owned();
    let forge = Forge { key: EncodingKey::from_ed_der(&der), kid, claims: part(&sample, 1) };
    // What the forge makes is good, so it is the one thing that each of them is refused for.
    ask(&app, &forge.sign(&forge.header().to_string(), &forge.claims.to_string())).await.unwrap();

    let seconds = now(&app);
    let public = der[der.len() - 32..].to_vec();
    let with_public_key = |algorithm: Algorithm| {
        let mut header = Header::new(algorithm);
        (header.kid, header.typ) = (Some(forge.kid.clone()), Some("at+jwt".into()));
        jsonwebtoken::encode(&header, &forge.claims, &EncodingKey::from_secret(&public)).unwrap()
    };
    let [head, claims, signature]: [&str; 3] = sample.split('.').collect::<Vec<_>>().try_into().unwrap();
    let duplicate = |name: &str, value: &str| {
        let text = forge.claims.to_string();
        forge.sign(&forge.header().to_string(), &format!("{{\"{name}\":{value},{}", &text[1..]))
    };
    let none = |alg: &str| {
        BASE64URL_NOPAD.encode(json!({"alg": alg, "typ": "at+jwt", "kid": forge.kid}).to_string().as_bytes())
    };
    let mut hostile: BTreeMap<&str, String> = BTreeMap::from([
        ("alg none", format!("{}.{claims}.", none("none"))),
        ("alg None with the signature", format!("{}.{claims}.{signature}", none("None"))),
        ("HS256 with the public key", with_public_key(Algorithm::HS256)),
        ("HS512 with the public key", with_public_key(Algorithm::HS512)),
        ("alg that is not the key's", forge.with_header("alg", json!("ES256"))),
        ("alg of another kind", forge.with_header("alg", json!("RS256"))),
        ("no alg", forge.with_header("alg", Value::Null)),
        ("no kid", forge.with_header("kid", Value::Null)),
        ("unknown kid", forge.with_header("kid", json!("x"))),
        ("kid that is a number", forge.with_header("kid", json!(1))),
        ("kid that is a path", forge.with_header("kid", json!("../../dev/null"))),
        ("no typ", forge.with_header("typ", Value::Null)),
        ("typ of an id token", forge.with_header("typ", json!("JWT"))),
        ("typ that is a number", forge.with_header("typ", json!(7))),
        ("crit", forge.with_header("crit", json!(["exp"]))),
        ("b64", forge.with_header("b64", json!(false))),
        ("exp missing", forge.with_claim("exp", Value::Null)),
        ("exp past", forge.with_claim("exp", json!(seconds - 1))),
        ("exp now", forge.with_claim("exp", json!(seconds))),
        ("exp text", forge.with_claim("exp", json!((seconds + 900).to_string()))),
        ("exp negative", forge.with_claim("exp", json!(-1))),
        ("exp a fraction", forge.with_claim("exp", json!(1.0e10 + 0.5))),
        ("exp far away", forge.with_claim("exp", json!(seconds + 7200))),
        ("exp without end", forge.with_claim("exp", json!(i64::MAX))),
        ("nbf missing", forge.with_claim("nbf", Value::Null)),
        ("nbf in the future", forge.with_claim("nbf", json!(seconds + 120))),
        ("nbf text", forge.with_claim("nbf", json!("0"))),
        ("iat missing", forge.with_claim("iat", Value::Null)),
        ("iat in the future", forge.with_claim("iat", json!(seconds + 120))),
        ("aud missing", forge.with_claim("aud", Value::Null)),
        ("aud another", forge.with_claim("aud", json!("another"))),
        ("aud a list", forge.with_claim("aud", json!(["frontdesk"]))),
        ("iss missing", forge.with_claim("iss", Value::Null)),
        ("iss another", forge.with_claim("iss", json!("https://auth.example"))),
        ("iss a list", forge.with_claim("iss", json!(["frontdesk-2"]))),
        ("sub missing", forge.with_claim("sub", Value::Null)),
        ("sub empty", forge.with_claim("sub", json!(""))),
        ("jti missing", forge.with_claim("jti", Value::Null)),
        ("jti empty", forge.with_claim("jti", json!(""))),
        ("org_id missing", forge.with_claim("org_id", Value::Null)),
        ("org_id no UUID", forge.with_claim("org_id", json!("elm-street"))),
        ("org_id nil", forge.with_claim("org_id", json!("00000000-0000-0000-0000-000000000000"))),
        ("org_id not there", forge.with_claim("org_id", json!("01936f00-0000-7000-8000-00000000dead"))),
        ("role missing", forge.with_claim("role", Value::Null)),
        ("role unknown", forge.with_claim("role", json!("owner"))),
        ("a claim twice", duplicate("org_id", "\"01936f00-0000-7000-8000-000000000001\"")),
        ("exp twice", duplicate("exp", "1")),
        ("9 KiB", forge.with_claim("pad", json!("x".repeat(7 << 10)))),
        ("claims that are no object", forge.sign(&forge.header().to_string(), "[]")),
        ("header that is no object", forge.sign("[]", &forge.claims.to_string())),
        ("a token in a token", BASE64URL_NOPAD.encode(sample.as_bytes())),
        (
            "claims of another token",
            format!(
                "{head}.{}.{signature}",
                BASE64URL_NOPAD.encode(forge.with_claim("role", json!("agent")).as_bytes())
            ),
        ),
        ("no signature", format!("{head}.{claims}.")),
        ("two parts", format!("{head}.{claims}")),
        ("four parts", format!("{sample}.x")),
        ("padding", format!("{head}.{claims}.{signature}==")),
        ("standard base64", sample.replace('-', "+").replace('_', "/") + "+"),
        ("the key of a foreign issuer", {
            let mut header = Header::new(Algorithm::ES256);
            (header.kid, header.typ) = (Some("two".into()), Some("at+jwt".into()));
            jsonwebtoken::encode(&header, &forge.claims, &foreign.key).unwrap()
        }),
    ]);
    // A service that trusts them, asked with tokens of theirs that say too little or too much.
    let claims = foreign_claims(&app, &clinic.org.to_string());
    let theirs = |name: &str, value: Value| {
        let mut claims = claims.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value;
        }
        foreign.sign(&claims)
    };
    hostile.extend([
        ("theirs, without an organisation", theirs("app_metadata", json!({"role": "admin"}))),
        ("theirs, with the users' own organisation", theirs("app_metadata", json!({"role": "admin"}))),
        (
            "theirs, with an unknown role",
            theirs("app_metadata", json!({"org_id": clinic.org.to_string(), "role": "owner"})),
        ),
        ("theirs, for somebody else", theirs("aud", json!("another"))),
        ("theirs, for a year", theirs("exp", json!(seconds + 86_400 * 365))),
        ("theirs, without end", theirs("exp", Value::Null)),
        ("theirs, of a name with a line's end", theirs("sub", json!("a\nb"))),
        (
            "theirs, of an organisation that is not there",
            theirs("app_metadata", json!({"org_id": "01936f00-0000-7000-8000-00000000dead"})),
        ),
    ]);
    assert!(hostile.len() >= 40, "{}", hostile.len());
    for (what, token) in &hostile {
        let status = ask(&app, token).await.err().unwrap_or_else(|| panic!("{what} was believed"));
        assert_eq!(
            (status.code(), reason(&status).as_str(), status.message()),
            (Code::Unauthenticated, "UNAUTHENTICATED", "the credential is missing or not valid"),
            "{what}"
        );
        assert!(!format!("{status:?}").contains(token.as_str()), "{what}");
    }
    // What no connection of the service would carry ends at the gateway, with the same answer.
    let endless = forge.with_claim("pad", json!("x".repeat(64 << 10)));
    let (status, problem) = app.get_from("/api/auth/me", Some(&endless)).await;
    assert_eq!((status, &problem["reason"]), (401, &json!("UNAUTHENTICATED")));
}

#[tokio::test]
async fn a_foreign_issuer_changes_its_keys_and_goes_away_for_a_while() {
    let (provider, old, new) = (Provider::default(), ForeignKey::ed25519("old"), ForeignKey::p256("new"));
    provider.publish(&[&old]);
    let app = app_that_trusts(&provider.clone().serve().await).await;
    let org = app.clinic().await.org.to_string();
    let ask_with = async |key: &ForeignKey| ask(&app, &key.sign(&foreign_claims(&app, &org))).await.is_ok();
    let mut everybody = (0..20).map(|_| ask_with(&old)).collect::<Vec<_>>();
    assert!(futures::future::join_all(everybody.drain(..)).await.into_iter().all(|let_in| let_in));
    assert_eq!(provider.asked(), 1, "one look for all who come at once");

    // A new key is found at once when it is used, but only one look in half a minute is spent on names that nobody knows.
    app.app.clock.advance(SignedDuration::from_secs(31));
    provider.publish(&[&old, &new]);
    assert!(ask_with(&new).await);
    assert_eq!(provider.asked(), 2);
    let claims = foreign_claims(&app, &org);
    for n in 0..200 {
        let invented = ForeignKey { id: format!("invented-{n}"), ..ForeignKey::ed25519("x") };
        assert_eq!(ask(&app, &invented.sign(&claims)).await.unwrap_err().code(), Code::Unauthenticated);
    }
    assert_eq!(provider.asked(), 2);

    // The issuer is down: what was known is believed for a day, and no longer.
    *provider.is_down.lock().unwrap() = true;
    app.app.clock.advance(SignedDuration::from_hours(1));
    assert!(ask_with(&new).await);
    app.app.clock.advance(SignedDuration::from_hours(23));
    assert!(!ask_with(&new).await);

    // It is back, without the old key: that one is not believed any more.
    *provider.is_down.lock().unwrap() = false;
    provider.publish(&[&new]);
    app.app.clock.advance(SignedDuration::from_secs(31));
    assert!(ask_with(&new).await);
    assert!(!ask_with(&old).await);
    provider.publish(&[]);
    app.app.clock.advance(SignedDuration::from_mins(10));
    assert!(!ask_with(&new).await, "a key that was taken back is refused within ten minutes");
}

#[tokio::test]
async fn a_foreign_user_is_nobody_whom_we_know_under_the_same_name() {
    let (provider, key) = (Provider::default(), ForeignKey::ed25519("one"));
    provider.publish(&[&key]);
    let app = app_that_trusts(&provider.clone().serve().await).await;
    let own = app.sign_up("dana@example.com").await.session.unwrap().profile.unwrap();
    let mut claims = foreign_claims(&app, &own.org_id);
    claims["sub"] = json!(own.user_id);
    let token = key.sign(&claims);
    assert_eq!(ask(&app, &token).await.unwrap().subject, format!("https://auth.example|{}", own.user_id));
    let profile = app.identity().get_profile(with_token(&token, pb::GetProfileRequest {})).await.unwrap_err();
    assert_eq!(reason(&profile), "PROFILE_NOT_FOUND");

    // When the settings are read again, what the issuer published is not forgotten: it may be away just now.
    *provider.is_down.lock().unwrap() = true;
    let mut keys = crate::harness::keys();
    keys.verifier
        .trust_foreign(
            &serde_json::from_value(json!({"issuer": "https://auth.example", "audience": "frontdesk-clinic",
        "jwks_url": provider.url.lock().unwrap().clone(), "org_claim": "app_metadata.org_id"}))
            .unwrap(),
        )
        .unwrap();
    app.app.keys.replace(keys);
    ask(&app, &token).await.unwrap();
}

#[tokio::test]
async fn our_own_keys_rotate_while_tokens_are_used() {
    let app = TestApp::start().await;
    let session = app.sign_up("dana@example.com").await.session.unwrap();
    let [old, new] = [(); 2].map(|()| SigningKey::generate_pkcs8().unwrap());
    let keys = |list: &[&Vec<u8>]| {
        let signing = list.iter().map(|der| SigningKey::from_pkcs8(der).unwrap()).collect();
        let mut keys = Keys::generate().unwrap();
        keys.issuer = booking_service::token::issuer::Issuer::new("frontdesk", signing);
        keys.verifier = booking_service::token::Verifier::default();
        keys.verifier.trust(&keys.issuer);
        keys
    };
    // Another key altogether: tokens from before are not ours any more, and sessions go on.
    app.app.keys.replace(keys(&[&old]));
    assert!(ask(&app, &session.access_token).await.is_err());
    let refresh = pb::RefreshSessionRequest { refresh_token: session.refresh_token };
    let before = app.identity().refresh_session(refresh).await.unwrap().into_inner().session.unwrap();
    // The new one in front: both are believed, and the new one signs.
    app.app.keys.replace(keys(&[&new, &old]));
    let refresh = pb::RefreshSessionRequest { refresh_token: before.refresh_token };
    let after = app.identity().refresh_session(refresh).await.unwrap().into_inner().session.unwrap();
    for token in [&before.access_token, &after.access_token] {
        ask(&app, token).await.unwrap();
    }
    let (_, jwks) = app.get_from("/.well-known/jwks.json", None).await;
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 2);
    assert_eq!(jwks["keys"][0]["kid"], json!(SigningKeyId::of(&after.access_token)));
    // The old one goes.
    app.app.keys.replace(keys(&[&new]));
    assert!(ask(&app, &before.access_token).await.is_err());
    ask(&app, &after.access_token).await.unwrap();
}

struct SigningKeyId;

impl SigningKeyId {
    fn of(token: &str) -> String {
        jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
    }
}
