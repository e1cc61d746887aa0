use pretty_assertions::assert_eq;

use super::*;

#[test]
fn secrets_of_clients_are_hidden_in_scripts_and_quoted_commands() {
    for (given, shown) in [
        ("mysql -uroot -phunter2 shop", "mysql -uroot -p(masked) shop"),
        (
            "exec /usr/bin/mysqldump -u root -p'hunter 2' shop > x",
            "exec /usr/bin/mysqldump -u root -p(masked) shop > x",
        ),
        (
            "mongosh -u app -p hunter2 --port 27017",
            "mongosh -u app -p (masked) --port 27017",
        ),
        (
            "redis-cli -h db -p 6379 -a hunter2 ping",
            "redis-cli -h db -p 6379 -a (masked) ping",
        ),
        ("curl -u app:hunter2 https://x", "curl -u app:(masked) https://x"),
        (
            "curl -sku 'app:hunter 2' https://x",
            "curl -sku 'app:(masked)' https://x",
        ),
        (
            "curl -uapp:hunter2 x | mysql -px",
            "curl -uapp:(masked) x | mysql -p(masked)",
        ),
        (
            "curl --user=app:hunter2 --proxy-user a:hunter2 x",
            "curl --user=app:(masked) --proxy-user a:(masked) x",
        ),
        (
            "sshpass -p hunter2 ssh -p 22 host mkdir -p /x",
            "sshpass -p (masked) ssh -p 22 host mkdir -p /x",
        ),
        ("sshpass -phunter2 ssh -p 22 host", "sshpass -p(masked) ssh -p 22 host"),
        (
            "docker login -u app -p hunter2 registry.example",
            "docker login -u app -p (masked) registry.example",
        ),
        (
            "openssl enc -passin pass:hunter2 -k hunter2 -key x",
            "openssl enc -passin pass:(masked) -k (masked) -key x",
        ),
        ("ldapsearch -xw hunter2 -b dc=x", "ldapsearch -xw (masked) -b dc=x"),
        (
            "sqlcmd -U sa -P hunter2 && sqlcmd -Phunter2",
            "sqlcmd -U sa -P (masked) && sqlcmd -P(masked)",
        ),
        (
            "mosquitto_pub -u a -P hunter2 -p 1883",
            "mosquitto_pub -u a -P (masked) -p 1883",
        ),
        ("smbclient -U app%hunter2 //x", "smbclient -U app%(masked) //x"),
        ("lftp -u app,hunter2 x", "lftp -u app,(masked) x"),
        (
            "keytool -storepass hunter2 -alias x",
            "keytool -storepass (masked) -alias x",
        ),
        (
            "kubectl create secret generic x --from-literal=a=hunter2",
            "kubectl create secret generic x --from-literal=a=(masked)",
        ),
        ("htpasswd -nb app hunter2", "htpasswd -nb app (masked)"),
        (
            "rabbitmqctl add_user app hunter2; ls",
            "rabbitmqctl add_user app (masked); ls",
        ),
        (
            r#"Args:[]string{"mysql", "-phunter2", "-P", "3306"}"#,
            r#"Args:[]string{"mysql", "-p(masked)", "-P", "3306"}"#,
        ),
        (
            r#"patch \"[\\\"curl\\\",\\\"-u\\\",\\\"a:hunter2\\\"]\""#,
            r#"patch \"[\\\"curl\\\",\\\"-u\\\",\\\"a:(masked)\\\"]\""#,
        ),
        (
            "sh -c \"sleep 1; mysql -phunter2 'x'\" && mysql -phunter2",
            "sh -c \"sleep 1; mysql -p(masked) 'x'\" && mysql -p(masked)",
        ),
        (
            "kubectl exec db -- mysql -phunter2",
            "kubectl exec db -- mysql -p(masked)",
        ),
        (
            "mysql \\\n  -uroot \\\n  -phunter2 \\\n  x",
            "mysql \\\n  -uroot \\\n  -p(masked) \\\n  x",
        ),
        (
            "curl \\\n -u a:hunter2 \\\n https://x",
            "curl \\\n -u a:(masked) \\\n https://x",
        ),
        ("redis-cli \\\r\n -a hunter2", "redis-cli \\\r\n -a (masked)"),
        ("redis-cli -h db AUTH hunter2", "redis-cli -h db AUTH (masked)"),
        (
            "htpasswd -bBc f a hunter2; htpasswd -cBb f a hunter2",
            "htpasswd -bBc f a (masked); htpasswd -cBb f a (masked)",
        ),
        (
            "mc alias set s3 https://x AKID hunter2 --api S3v4",
            "mc alias set s3 https://x (masked) (masked) --api S3v4",
        ),
        (
            "mc config host add s3 https://x AKID hunter2",
            "mc config host add s3 https://x (masked) (masked)",
        ),
        (
            "vault login hunter2 && vault operator unseal hunter2",
            "vault login (masked) && vault operator unseal (masked)",
        ),
        (
            "aws configure set aws_secret_access_key hunter2",
            "aws configure set aws_secret_access_key (masked)",
        ),
        ("sqlplus -s scott/hunter2@db", "sqlplus -s scott/(masked)"),
        (
            "echo hunter2 | docker login -u a --password-stdin x",
            "echo (masked) | docker login -u a --password-stdin x",
        ),
        ("echo -n 'hunter 2' | sudo -S id", "echo -n '(masked)' | sudo -S id"),
        ("printf '%s' hunter2 | kinit a@R", "printf '%s' (masked) | kinit a@R"),
        (
            "echo hunter2 | gpg --passphrase-fd 0 f",
            "echo (masked) | gpg --passphrase-fd 0 f",
        ),
        ("echo root:hunter2 | chpasswd", "echo (masked) | chpasswd"),
        ("useradd -p hunter2 bob", "useradd -p (masked) bob"),
        (
            "ssh-keygen -N hunter2 -f k; ssh-keygen -y -P hunter2",
            "ssh-keygen -N (masked) -f k; ssh-keygen -y -P (masked)",
        ),
        ("openssl passwd -6 hunter2", "openssl passwd -6 (masked)"),
        (
            "curl --user 'a':'hunter2' x; curl -u \"a\":hunter2",
            "curl --user 'a':(masked) x; curl -u \"a\":(masked)",
        ),
        ("curl -fsSLvksu a:hunter2 x", "curl -fsSLvksu a:(masked) x"),
        (
            "exec $(which mysql) -uroot -phunter2",
            "exec $(which mysql) -uroot -p(masked)",
        ),
        (
            "`command -v redis-cli` -a hunter2",
            "`command -v redis-cli` -a (masked)",
        ),
    ] {
        assert_eq!(hide_in_text(given), shown);
        assert_eq!(hide_in_text(shown), shown, "masked twice");
    }
}

#[test]
fn ports_folders_and_variables_of_the_same_letters_are_shown() {
    for text in [
        "mkdir -p /data/x && app -p 8080 -u 1000:1000",
        "docker run -p 8080:80 -u 1000:1000 web",
        "psql -h db -p 5432 -U app",
        "ssh -p 22 host && scp -P 22 a b && nc -p 80",
        "redis-cli -p 6379",
        "mysql -u root -P 3306 -p$MYSQL_PWD -h db",
        "mysql -p\"${PW}\" x; mysql -p$(cat /run/pw) x; mysql -p $PW",
        "curl -u app https://x -o out",
        "openssl req -key tls.key -passin file:/run/pw",
        "kubectl create configmap x --from-literal=a=b -p x",
        "a web server listens on -p 80, don't worry",
        "nodetool -p 7199 status",
        "mc alias list s3 && mc cp a/b s3/bucket/c && mc anonymous set download s3/b",
        "vault login -method=kubernetes role=app; vault operator init",
        "aws configure set region eu-central-1",
        "sqlplus /nolog @/opt/x.sql; sqlplus -s / as sysdba",
        "echo hello | tee f; echo $PW | docker login --password-stdin; echo start; docker login --password-stdin < f",
        "useradd -m bob; ssh-keygen -t ed25519 -f k",
        "openssl passwd -stdin",
        "echo a \\\n | grep -p 80",
        "$(which app) -p 80; $(date) -p 80",
    ] {
        assert_eq!(hide_in_text(text), text);
    }
}

#[test]
fn arguments_without_their_program_are_told_by_the_user_beside_them() {
    let hidden = |words: &[&str]| -> Vec<String> {
        hide_alone(words)
            .into_iter()
            .zip(words)
            .map(|(hidden, word)| hidden.unwrap_or_else(|| (*word).to_owned()))
            .collect()
    };
    assert_eq!(
        hidden(&["-h", "db", "-uroot", "-phunter2"]),
        ["-h", "db", "-uroot", "-p(masked)"]
    );
    assert_eq!(
        hidden(&["-u", "app:hunter2", "https://x"]),
        ["-u", "app:(masked)", "https://x"]
    );
    assert_eq!(
        hidden(&["--user", "app:hunter2", "--user=a:hunter2"]),
        ["--user", "app:(masked)", "--user=a:(masked)"]
    );
    for words in [
        ["-p", "8080"].as_slice(),
        &["-u", "root", "-p8080"],
        &["-u", "1000:1000"],
        &["--user", "1000:1000"],
        &["-pretty", "x"],
        &["-u", "https://x"],
    ] {
        assert_eq!(hidden(words), words);
    }
}
