"""Owns prompts in languages other than English: chats and problems. Forms and words only."""

from __future__ import annotations

from proxy.simulate.traffic.texts.words import listed

CHINESE = (
    "你好,我想在{地方}找一家{形容}的{店},人均{#20-400}元左右,{要求}",
    "请用{#50-900}字介绍一下{题目},{要求}",
    "{地方}到{地方:2}怎么走最方便?我带着{#1-6}件行李。",
    "帮我把这段话改得更{形容}:{句子}{句子:2}",
    "我是一名{职业},最近{烦恼},应该怎么办?{要求}",
    "{题目}和{题目:2}有什么区别?{要求}",
    "写一封{形容}的邮件给{职业},内容是{句子}",
)
CHINESE_PROBLEMS = (
    ""
    "小明买了{#3-60}个{物品},每个{#2-35:b}元,又买了{#2-40:c}个{物品:2},每个{#3-28:d}元。他付了{#1-9:e}00元,应找回多少元?",
    ""
    "甲、乙两地相距{#120-980}千米,一辆车每小时行{#40-120:b}千米,另一辆每小时行{#45-130:c}千米,两车同时相向而行,几小时相遇?",
    "{地方}的一个水池有两个水管,甲管{#2-19}小时注满,乙管{#20-60:b}小时排空,同时打开多久注满?请写出思考过程。",
    "某{店}原有{物品}{#100-990}个,卖出{#5-60:b}%后又进货{#20-300:c}个,现在有多少个?",
    "一个长方形的周长是{#20-480}米,长比宽多{#2-19:b}米,求面积。{要求}",
)
CHINESE_WORDS = {
    "地方": listed("""
北京 上海 广州 深圳 成都 杭州 西安 南京 武汉 重庆 苏州 青岛 厦门 昆明 长沙 天津 大连 哈尔滨 拉萨 桂林 三亚 郑州
济南 福州"""),
    "店": listed("餐馆 书店 咖啡馆 酒店 超市 茶馆 健身房 花店 面馆 火锅店 民宿 药店 博物馆 公园"),
    "形容": listed("安静 便宜 热闹 正式 简洁 幽默 舒适 传统 现代 温暖 专业 礼貌 清楚 有趣 干净 实用"),
    "要求": listed("""
谢谢。 请简短一点。 最好有例子。 请分点说明。 不要太长。 请用表格。 越详细越好。 适合孩子看的。 我很着急。"""),
    "题目": listed("""
垂直农业 人工智能 唐诗 量子力学 丝绸之路 中医 新能源汽车 书法 围棋 海洋污染 高铁 茶文化 股票基金 睡眠 疫苗 航天
京剧 城市规划 数据隐私 发酵食品"""),
    "职业": listed("""
老师 医生 程序员 司机 护士 律师 厨师 设计师 会计 记者 农民 研究生 销售 工程师 摄影师 翻译"""),
    "烦恼": listed("""
睡不好 想换工作 总是加班 和同事有矛盾 学英语没进步 孩子不爱读书 想减肥 准备考试 房租涨了 电脑很慢"""),
    "句子": listed("""
我们下周开会讨论预算。 由于天气原因项目推迟了。 客户对质量不太满意。 感谢您一直以来的支持。 请在周五之前回复。
新的系统已经上线。 我对这个职位很感兴趣。 货物还没有到达。"""),
    "物品": listed("苹果 铅笔 笔记本 气球 玩具 橙子 面包 杯子 书包 鸡蛋 邮票 风筝 雨伞 足球 花盆"),
}

JAPANESE = (
    "{場所}で{形容}{店}を教えてください。予算は{#1-9}000円です。{願い}",
    "{話題}について{#100-900}字で説明してください。{願い}",
    "{職業}ですが、{悩み}。どうすればいいですか。{願い}",
    "{話題}と{話題:2}の違いは何ですか。{願い}",
    "次の文を{形容}文章に直してください。「{文}{文:2}」",
    "{場所}から{場所:2}まで{#2-9}人で行く旅行の計画を立ててください。{願い}",
    "{場所}の{店}で{#2-30}人の送別会を開きます。案内文を書いて。{願い}",
)
JAPANESE_WORDS = {
    "場所": listed("""
東京 大阪 京都 札幌 福岡 名古屋 仙台 広島 那覇 金沢 神戸 横浜 長崎 奈良 松本 函館 鹿児島 高松"""),
    "形容": listed("静かな 安い 有名な 丁寧な 新しい 古い 明るい 楽しい 自然な 短い 美しい 便利な"),
    "店": listed("""
レストラン カフェ 旅館 本屋 居酒屋 温泉 美術館 パン屋 寿司屋 公園 ラーメン屋 図書館"""),
    "願い": listed("""
お願いします。 簡単にまとめてください。 例も入れてください。 表にしてください。 敬語でお願いします。
初心者向けに。 急いでいます。"""),
    "話題": listed("""
相対性理論 茶道 再生可能エネルギー 源氏物語 人工知能 地震 確定申告 発酵 将棋 少子化 機械学習 歌舞伎 睡眠 暗号資産
俳句 宇宙開発"""),
    "職業": listed("""
会社員 教師 看護師 大学生 エンジニア 料理人 主婦 営業 研究者 デザイナー 公務員 医師"""),
    "悩み": listed("""
残業が多いです 眠れません 英語が上達しません 転職したいです 上司と合いません 部屋が片付きません 運動不足です
試験が近いです"""),
    "文": listed("""
会議は来週の月曜日に行います。 ご連絡ありがとうございます。 商品がまだ届いていません。 資料を確認してください。
予定が変わりました。 お世話になっております。"""),
}

GERMAN = (
    "Wie {tun} ich am besten {ding} in {city}? {bitte}",
    "Erkläre mir {thema} in {#3-12} Sätzen. {bitte}",
    "Schreib eine {art} E-Mail an {name}: {anliegen} {bitte}",
    "Was ist der Unterschied zwischen {thema} und {thema:2}? {bitte}",
    "Ich suche {ding} für {#20-900} Euro, Lieferung nach {city}. {bitte}",
    "Verbessere den Text: „{anliegen} {anliegen:2}“ {bitte}",
)
GERMAN_WORDS = {
    "tun": listed("finde kaufe repariere verkaufe reinige versichere teste melde lagere entsorge"),
    "ding": listed("""
ein Fahrrad|eine Wohnung|einen Laptop|ein gebrauchtes Auto|eine Waschmaschine|einen Hund|ein Klavier|
eine Steuererklärung|eine Solaranlage|einen Garten|ein Zelt|eine Heizung"""),
    "thema": listed("""
die Photosynthese|das Grundgesetz|die Relativitätstheorie|den Föhn|die Mehrwertsteuer|das Mittelalter|Wärmepumpen|
Elternzeit|die Fugenkunst|Künstliche Intelligenz|den Zinseszins|Krankenkassen|das Gerundium|Bitcoin|die Hanse"""),
    "art": listed("höfliche kurze förmliche freundliche bestimmte lockere ausführliche"),
    "anliegen": listed("""
Die Rechnung Nr. {#1000-9999:r} stimmt nicht.|Der Termin am {#1-28:r}. Mai muss verschoben werden.|
Das Paket nach {city:2} fehlt.|Die Miete steigt um {#2-20:r} Prozent.|Wir laden zum Sommerfest ein.|
Die Ware war beschädigt."""),
    "bitte": listed("""
Bitte kurz.|Danke!|Mit Beispielen.|In einfacher Sprache.|Als Tabelle.|Möglichst genau.|"""),
}

SPANISH = (
    "¿Cómo puedo {hacer} en {city}? {favor}",
    "Explícame {tema} en {#3-12} frases. {favor}",
    "Escribe un correo {tono} a {name}: {asunto} {favor}",
    "¿Qué diferencia hay entre {tema} y {tema:2}? {favor}",
    "Corrige este texto: «{asunto} {asunto:2}» {favor}",
    "Receta para {#2-12} personas con {comida} y {comida:2}. {favor}",
)
SPANISH_WORDS = {
    "hacer": listed("""
alquilar un piso|aprender a nadar|arreglar mi bicicleta|abrir una cuenta|cambiar de trabajo|sacar el carné|
montar una tienda|reciclar muebles|adoptar un perro|declarar impuestos"""),
    "tema": listed("""
la fotosíntesis|la inflación|el subjuntivo|la Guerra Civil|los agujeros negros|el colesterol|
la inteligencia artificial|el flamenco|las hipotecas|el barroco|la energía eólica|el genoma|la sequía"""),
    "tono": listed("formal breve amable firme cercano detallado"),
    "asunto": listed("""
La factura {#1000-9999:r} está duplicada.|No podré ir el día {#1-28:r} de mayo.|
El pedido a {city:2} no ha llegado.|Gracias por su visita.|Subimos los precios un {#2-20:r} por ciento.|
Buscamos un {#2-9:r}.º candidato."""),
    "comida": listed("""
arroz garbanzos pollo tomate berenjena bacalao lentejas huevos calabaza pimientos patatas setas atún espinacas"""),
    "favor": listed("Gracias.|Sé breve, por favor.|Con ejemplos.|En una tabla.|Paso a paso.|"),
}

RUSSIAN = (
    "Как {сделать} в городе {город}? {просьба}",
    "Объясни, что такое {тема}, в {#3-12} предложениях. {просьба}",
    "Напиши {тон} письмо: {дело} {просьба}",
    "Чем отличается {тема} и {тема:2}? {просьба}",
    "Исправь текст: «{дело} {дело:2}» {просьба}",
    "Составь план поездки {город} — {город:2} на {#2-14} дней, бюджет {#10-90:b} тысяч. {просьба}",
)
RUSSIAN_WORDS = {
    "сделать": listed("""
снять квартиру|открыть счёт|починить велосипед|выучить английский|найти работу|продать машину|получить визу|
сдать экзамен|выбрать ноутбук|вырастить томаты"""),
    "город": listed("""
Казань Москва Новосибирск Сочи Томск Самара Пермь Тула Псков Омск Иркутск Калининград Уфа Мурманск"""),
    "тема": listed("""
фотосинтез|инфляция|квантовая механика|ипотека|машинное обучение|серебряный век|импрессионизм|блокчейн|вакцинация|
теория вероятностей|Золотая Орда|холестерин|деепричастие"""),
    "тон": listed("официальное короткое дружеское вежливое подробное"),
    "дело": listed("""
Счёт № {#1000-9999:r} оплачен дважды.|Встреча {#1-28:r} мая переносится.|Посылка не пришла.|Спасибо за поддержку.|
Цены вырастут на {#2-20:r} процентов.|Просим прислать отчёт до пятницы."""),
    "просьба": listed("""
Спасибо!|Кратко, пожалуйста.|С примерами.|По шагам.|В виде таблицы.|Простыми словами.|"""),
}
