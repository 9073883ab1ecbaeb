import java.io.*;
import java.nio.file.*;
import java.security.*;
import java.security.cert.*;
import java.security.spec.*;
import java.util.*;
import javax.crypto.spec.*;
import org.bouncycastle.asn1.*;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.cms.*;
import org.bouncycastle.cms.jcajce.*;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.*;
import org.bouncycastle.operator.jcajce.*;

/** BouncyCastle on a line protocol: "verb in out key=value ..." on standard input, "ok" or "error ..." back. */
public class Peer {
    static Path folder;

    public static void main(String[] args) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        folder = Paths.get(args[0]);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        System.out.println("ready");
        for (String line; (line = lines.readLine()) != null; ) {
            String[] words = line.split(" ");
            Map<String, String> with = new HashMap<>();
            for (int i = 3; i < words.length; i++) with.put(words[i].split("=")[0], words[i].split("=")[1]);
            try {
                byte[] in = Files.readAllBytes(folder.resolve(words[1]));
                Files.write(folder.resolve(words[2]), run(words[0], in, with));
                System.out.println("ok");
            } catch (Exception e) {
                System.out.println("error " + e);
            }
            System.out.flush();
        }
    }

    static byte[] run(String verb, byte[] in, Map<String, String> with) throws Exception {
        switch (verb) {
            case "sign": return sign(in, with);
            case "verify": return verify(in, with);
            case "encrypt": return encrypt(in, with);
            case "decrypt": return decrypt(in, with);
            case "compress": return compress(in);
            default: return new CMSCompressedData(in).getContent(new org.bouncycastle.cms.jcajce.ZlibExpanderProvider());
        }
    }

    static X509Certificate certificate(String name) throws Exception {
        try (InputStream in = Files.newInputStream(folder.resolve(name + ".crt"))) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }

    static PrivateKey key(String name) throws Exception {
        byte[] der = Files.readAllBytes(folder.resolve(name + ".p8"));
        String algorithm = certificate(name).getPublicKey().getAlgorithm();
        return KeyFactory.getInstance(algorithm, "BC").generatePrivate(new PKCS8EncodedKeySpec(der));
    }

    static byte[] sign(byte[] in, Map<String, String> with) throws Exception {
        String algorithm = with.get("digest").toUpperCase() + "with" + with.get("how");
        ContentSigner signer = new JcaContentSignerBuilder(algorithm).setProvider("BC").build(key(with.get("by")));
        DigestCalculatorProvider digests = new JcaDigestCalculatorProviderBuilder().setProvider("BC").build();
        CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
        generator.addSignerInfoGenerator(
            new JcaSignerInfoGeneratorBuilder(digests).build(signer, certificate(with.get("by"))));
        return generator.generate(new CMSProcessableByteArray(in), false).getEncoded();
    }

    static byte[] verify(byte[] in, Map<String, String> with) throws Exception {
        byte[] content = Files.readAllBytes(folder.resolve(with.get("content")));
        CMSSignedData signed = new CMSSignedData(new CMSProcessableByteArray(content), in);
        SignerInformation one = signed.getSignerInfos().getSigners().iterator().next();
        SignerInformationVerifier by =
            new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(certificate(with.get("by")));
        if (!one.verify(by)) throw new Exception("not verified");
        return one.getDigestAlgOID().getBytes();
    }

    static RecipientInfoGenerator recipient(Map<String, String> with) throws Exception {
        X509Certificate to = certificate(with.get("to"));
        String transport = with.get("transport");
        if (transport.startsWith("ecdh")) {
            KeyPairGenerator pairs = KeyPairGenerator.getInstance("EC", "BC");
            pairs.initialize(new ECGenParameterSpec("secp256r1"));
            KeyPair fresh = pairs.generateKeyPair();
            ASN1ObjectIdentifier wrap = with.get("cipher").contains("128") ? CMSAlgorithm.AES128_WRAP : CMSAlgorithm.AES256_WRAP;
            return new JceKeyAgreeRecipientInfoGenerator(
                CMSAlgorithm.ECDH_SHA256KDF, fresh.getPrivate(), fresh.getPublic(), wrap).setProvider("BC").addRecipient(to);
        }
        if (transport.startsWith("rsa-oaep")) {
            OAEPParameterSpec how =
                new OAEPParameterSpec("SHA-256", "MGF1", new MGF1ParameterSpec("SHA-256"), PSource.PSpecified.DEFAULT);
            AlgorithmIdentifier oaep =
                new JcaAlgorithmParametersConverter().getAlgorithmIdentifier(PKCSObjectIdentifiers.id_RSAES_OAEP, how);
            return new JceKeyTransRecipientInfoGenerator(to, oaep).setProvider("BC");
        }
        return new JceKeyTransRecipientInfoGenerator(to).setProvider("BC");
    }

    static byte[] encrypt(byte[] in, Map<String, String> with) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Map<String, ASN1ObjectIdentifier> ciphers = new HashMap<>();
        ciphers.put("aes128-cbc", CMSAlgorithm.AES128_CBC);
        ciphers.put("aes256-cbc", CMSAlgorithm.AES256_CBC);
        ciphers.put("aes128-gcm", CMSAlgorithm.AES128_GCM);
        ciphers.put("aes256-gcm", CMSAlgorithm.AES256_GCM);
        OutputEncryptor cipher =
            new JceCMSContentEncryptorBuilder(ciphers.get(with.get("cipher"))).setProvider("BC").build();
        if (with.get("cipher").endsWith("gcm")) {
            CMSAuthEnvelopedDataGenerator generator = new CMSAuthEnvelopedDataGenerator();
            generator.addRecipientInfoGenerator(recipient(with));
            return generator.generate(new CMSProcessableByteArray(in), (OutputAEADEncryptor) cipher).getEncoded();
        }
        CMSEnvelopedDataStreamGenerator generator = new CMSEnvelopedDataStreamGenerator();
        generator.addRecipientInfoGenerator(recipient(with));
        try (OutputStream to = generator.open(out, cipher)) {
            to.write(in);
        }
        return out.toByteArray();
    }

    static byte[] decrypt(byte[] in, Map<String, String> with) throws Exception {
        PrivateKey key = key(with.get("by"));
        boolean curve = key.getAlgorithm().startsWith("EC");
        if (with.get("cipher").endsWith("gcm")) {
            RecipientInformation one = new CMSAuthEnvelopedData(in).getRecipientInfos().getRecipients().iterator().next();
            return one.getContent(new JceKeyTransAuthEnvelopedRecipient(key).setProvider("BC"));
        }
        RecipientInformation one = new CMSEnvelopedData(in).getRecipientInfos().getRecipients().iterator().next();
        return one.getContent(curve
            ? new JceKeyAgreeEnvelopedRecipient(key).setProvider("BC")
            : new JceKeyTransEnvelopedRecipient(key).setProvider("BC"));
    }

    static byte[] compress(byte[] in) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (OutputStream to = new CMSCompressedDataStreamGenerator().open(out, new ZlibCompressor())) {
            to.write(in);
        }
        return out.toByteArray();
    }
}
