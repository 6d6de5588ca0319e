//! Published test vectors, and some made with OpenSSL 3.0 for algorithms the RFCs give none for.

use super::Jwk;

/// RFC 7515 appendix A.2.
pub(super) const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEz\
     P1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5r\
     exMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-D\
     WNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
pub(super) const RS256_JWS: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9l\
     eGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7\
     AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6\
     xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phC\
     nvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
/// RFC 7515 appendix A.3.
pub(super) const ES256_JWS: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmN\
     vbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJq\
     PP3-Kg6NU1Q";
/// RFC 7515 appendix A.4.
pub(super) const ES512_JWS: &str = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc\
     -mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW\
     9ERBXukOXolLzeO_Jn";
/// RFC 8037 appendix A.4.
pub(super) const EDDSA_JWS: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3\
     AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

pub(super) fn rsa() -> Jwk {
    Jwk::RSA { n: RSA_N.into(), e: "AQAB".into() }
}

pub(super) fn p256() -> Jwk {
    ec("P-256", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")
}

pub(super) fn p521() -> Jwk {
    ec(
        "P-521",
        "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
        "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
    )
}

pub(super) fn ed25519() -> Jwk {
    okp("Ed25519", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
}

pub(super) fn ec(crv: &str, x: &str, y: &str) -> Jwk {
    Jwk::EC { crv: crv.into(), x: x.into(), y: y.into() }
}

pub(super) fn okp(crv: &str, x: &str) -> Jwk {
    Jwk::OKP { crv: crv.into(), x: x.into() }
}

/// What the vectors below sign.
pub(super) const OPENSSL_MESSAGE: &[u8] = b"latchkey";
/// A 2048-bit modulus.
pub(super) const OPENSSL_RSA_N: &str = "ynTIDo7a_j9Ki03-eNIj0Rvyka6QcEspnu9lq-1_YL55C_qJA3XXt5fFRpa_PywTinh-aoyVGr09S3M-LYB2g8kzY7\
     wNwuavoPalhs_SwQh2Q4VC0cQJw1GH7UG5BZpv9HHM43Xgpc0rmSB15NuCTP10GO61JGk-9e5AE9O0O-8Gkox1Txqs\
     M680Ul1458IH75w8kXJ_bvPJyV6ow6ekqJdzO1faJLh7dwZix33vad2kgra8pEJCi-eagzZ_Gw9-tlKKU0gABFqjmU\
     -Yv3DaGmlThqlU5Zvba9XhKVE9_IqEIw80A1K3veIt4YjtfJ6WKiK9NKzVtm8rur0Nk66adw";
/// Signatures of [`OPENSSL_MESSAGE`].
pub(super) const OPENSSL_RS384: &str = "Gyp7-a2igQI0yNX_gj4VeCI9Zd7CKM9AG2cVhhWkOOonGtKcnl7XsIqTlm2INZ2zMYZqj6LcBmdgbcChfw5J6q_xs7\
     SpbWn-Btz89cRyuVXJAGqPX0Ge3ltvsO-AEe6RqQ2PWRL3nAUbQNt-i5YA-YAwtdeleGNb0WL8h111AHtmo2L5VKcu\
     IH6aTJoXk3PJi9X5pvxUR2kaqnkyGE7mufGnl_j3mDbjQVjHcCKcAWzQmHYH9GVRDpyCTKMU90v77PBppH9FE7KPe9\
     PGcGF7bLNFvBpu0zvYxuypJGIKJ81a6Zdwwu90mczfEZJLGLFcgWkSiV7c9nYgmPYG3A65Dg";
pub(super) const OPENSSL_RS512: &str = "l-9uJJgHdd2-C11N5R4K-OVVkl6fGuuwna-eHvhrekDKCFoQz0FTCPRex6VFtzP3MrHRTyYEpk-AB2PJ-cmEQU7IrL\
     R5WJEos_h4oBsLyOtX5-SvxkTFFtypgrDFXAmd63bS3atG5zKlYcMJMJ-HqFn-rk402ukYGAaPpVCwCdKTU8UVom8w\
     H2L4EGJa9wB5Qh9WyE19kx1Cp2GHzYtne6sDQZFZUt_ASeKUhTTPR2-CXqHcr2AGclzN00prlusAroru7cz08jRFKB\
     OA0-rBnczGznLQTGTHl5QMy5SY_PM8UrIcUr_G4dbfzUHJl9KOf24sMe5-ntTJezAFB7gObw";
pub(super) const OPENSSL_PS256: &str = "hXvuzdWmpwRnW3qHy1Vvp6-8vOgNIkU8tSTx5XvsfDGTRoFthpg2e6cyhqZDEJhziP4ns8w0v64g8HZo83zJ-uVRPX\
     TmbDBd-cu8P_M1DDLwseGrMZWAyhmUVVaPe3MNxXjox8gYnHMFbXJk22C5_y--RA0i8C6qGWwvKAxOkUgPu_CNthfO\
     7Nalx2_3UQ1myYrsyCxfO-wupLjBoXXYe--YlHULVa16ASTBI2n7RS-fJxSR7jtHWIZEKcR9PHAgzd6TFgJkt4jGa2\
     ylobnXskj7ObF_MwaTid5arhiVGqU5RBmkXr1UiB1wLJqUm9W877W2o7b7NDiFNSuk1g6N6A";
/// A salt of another length than the digest's, which RFC 7518 §3.5 does not allow.
pub(super) const OPENSSL_PS256_SALT_20: &str = "YTKZXEMMLGlgyr_FjyBwWm_sB9xy5CNJ4S-LC7jYTXFTrSVS1kk6qHxxN8hwKJ18SakGFTdwX5HJznE_bFlExi4w4m\
     BmIWyG-49CcR17Uuy6O8XC9by_z4l-lVAXrXVfE9MITDnS-M4Ge6PJ6yt3fS1EgnmvcAwXiVoeYtzPhOsJclQkByVB\
     8nNZvXJ-1pAxNpYJVLdVkx0ydOpJouK-7cF4CAGdxoRol32oersF9419wohiHL7WXF0e274QwXF9KxUT-cZPN-cuFh\
     RJOEka9F8ttIW4IBBgz7o_6OPsMCn6kmAlTZp_dp34OHLFZdXlmxhouupAQv3ScemmQr6o4w";
pub(super) const OPENSSL_P384_X: &str = "sbiZipYD6fLUlG5b82BFPEBggNOm8-1a2kmlbhHJYslOOKo3acUoXg9p9y7MwNzc";
pub(super) const OPENSSL_P384_Y: &str = "ipmaBOYt3021DHx8RAqk1COnTznMU7lrKjjkffFBy25AemghyFyzQw6cBFhOtyhR";
pub(super) const OPENSSL_ES384: &str = "_3Fn6GtFHp2YSrK_7Nq-6o3ENE2rLAcvjQnBXA7ybZwdDMrOxJ9q7_VTJ9gV8n469NeFLSAbLnWdsdeqJ0PDbyKEVz\
     i0Di_L7LpL6FM-KBCh05SBUdl0ePMTWrXy6fjp";
